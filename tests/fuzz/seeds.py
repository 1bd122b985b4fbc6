"""Small real files to start from, written by other programs' writers: one list of inputs a target."""

from __future__ import annotations

import io
import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["dicom_seeds", "frames", "import_folders", "picture_seeds", "video_seeds", "volume_seeds"]


def frames(count: int = 3, rows: int = 8, columns: int = 12) -> NDArray[np.uint8]:
    """Return grey frames (T, Y, X) that compress and yet are no constant."""
    y, x, t = np.ogrid[:rows, :columns, :count]
    return np.ascontiguousarray(((y * 20 + x * 7 + t * 31) % 256).astype(np.uint8).transpose(2, 0, 1))


def video_seeds(folder: Path) -> dict[str, list[bytes]]:
    """Return short videos by suffix: intra and inter coded, palette, with rotation and with pixel aspect."""
    import av

    def encode(name: str, codec: str, pix_fmt: str, **settings: Any) -> bytes:
        path = folder / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = 32, 16, pix_fmt
            if "aspect" in settings:
                stream.codec_context.sample_aspect_ratio = settings["aspect"]
            for index, frame in enumerate(frames(3, 16, 32)):
                picture = av.VideoFrame.from_ndarray(np.repeat(frame[..., None], 3, axis=2), format="rgb24")
                picture.pts, picture.time_base = index, Fraction(1, 25)
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
        return path.read_bytes()

    return {
        ".avi": [
            encode("a.avi", "mjpeg", "yuvj420p"),
            encode("b.avi", "rawvideo", "bgr24"),
            encode("c.avi", "mpeg4", "yuv420p"),
        ],
        ".mp4": [
            encode("a.mp4", "libx264", "yuv420p"),
            encode("b.mp4", "mpeg4", "yuv420p", aspect=Fraction(2, 1)),
        ],
        ".mkv": [encode("a.mkv", "ffv1", "gray")],
        ".mpg": [encode("a.mpg", "mpeg1video", "yuv420p")],
        ".gif": [encode("a.gif", "gif", "rgb8")],
    }


def volume_seeds(folder: Path) -> dict[str, list[bytes]]:
    """Return NIfTI, MetaImage and NRRD files in one piece, by suffix."""
    import SimpleITK

    made: dict[str, list[bytes]] = {}
    for values in (frames(), frames().astype(np.int16), frames()[:, None].astype(np.float32) / 255):
        image = SimpleITK.GetImageFromArray(values, isVector=False)
        image.SetSpacing((0.3, 0.4, 1.0, 0.02)[: image.GetDimension()])
        for suffix in (".nii", ".mha", ".nrrd"):
            path = folder / f"a{suffix}"
            SimpleITK.WriteImage(image, str(path))
            made.setdefault(suffix, []).append(path.read_bytes())
    sequence = (
        "NRRD0005\ntype: unsigned char\ndimension: 4\nspace: left-posterior-superior\nsizes: 2 5 4 1\n"
        "space directions: none (0.3,0,0) (0,0.4,0) (0,0,1)\nkinds: list domain domain domain\nencoding: raw\n\n"
    )
    made[".nrrd"].append(sequence.encode() + bytes(range(40)))
    return made


def picture_seeds(folder: Path) -> dict[str, list[bytes]]:
    """Return pictures, TIFF stacks and arrays by suffix."""
    import tifffile
    from PIL import Image

    grey = frames(1, 8, 8)[0]
    rgb = np.stack([grey, grey // 2, 255 - grey], axis=2)
    kinds = {
        "L": Image.fromarray(grey),
        "RGB": Image.fromarray(rgb),
        "P": Image.fromarray(rgb).quantize(8),
        "RGBA": Image.fromarray(np.dstack([rgb, grey])),
        "LA": Image.fromarray(np.dstack([grey, grey])),
        "I;16": Image.fromarray(grey.astype(np.uint16) * 16),
        "1": Image.fromarray(grey > 90),
    }

    def pillow(kind: str, suffix: str, **options: Any) -> bytes:
        buffer = io.BytesIO()
        kinds[kind].save(buffer, format={".jpg": "JPEG", ".png": "PNG", ".bmp": "BMP"}[suffix], **options)
        return buffer.getvalue()

    turned = Image.Exif()
    turned[0x0112] = 6
    tiffs = []
    for values, options in (
        (frames(), {"photometric": "minisblack"}),
        (frames(), {"photometric": "miniswhite", "compression": "zlib"}),
        (frames().astype(np.uint16) * 16, {"photometric": "minisblack", "predictor": True, "compression": "zlib"}),
        (rgb, {"photometric": "rgb", "tile": (16, 16)}),
        (grey, {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)}),
        (frames(), {"imagej": True, "metadata": {"axes": "TYX", "finterval": 0.02, "unit": "mm"}}),
    ):
        path = folder / "a.tif"
        tifffile.imwrite(path, values, **options)
        tiffs.append(path.read_bytes())
    for compression in ("tiff_lzw", "jpeg", "packbits"):
        kinds["L"].save(folder / "b.tif", compression=compression)
        tiffs.append((folder / "b.tif").read_bytes())
    arrays = []
    for values in (frames(), frames().astype(np.float32) / 255, frames()[..., None].repeat(3, axis=3)):
        buffer = io.BytesIO()
        np.save(buffer, values)
        arrays.append(buffer.getvalue())
    buffer = io.BytesIO()
    np.savez(buffer, frames=frames(), frame_times=np.arange(3) / 50, spacing=[0.3, 0.2])
    return {
        ".png": [pillow(kind, ".png") for kind in kinds],
        ".jpg": [pillow("L", ".jpg"), pillow("RGB", ".jpg", exif=turned)],
        ".bmp": [pillow("L", ".bmp"), pillow("RGB", ".bmp"), pillow("1", ".bmp")],
        ".tif": tiffs,
        ".npy": arrays,
        ".npz": [buffer.getvalue()],
    }


def dicom_seeds() -> list[bytes]:
    """Return multi-frame ultrasound objects: uncompressed, with regions, RLE and JPEG."""
    from PIL import Image
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID, JPEGBaseline8Bit, RLELossless

    made = []

    def base(syntax: str, values: NDArray[Any]) -> Dataset:
        entry = Dataset()
        entry.file_meta = FileMetaDataset()
        entry.file_meta.TransferSyntaxUID = UID(syntax)
        entry.SOPClassUID = entry.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
        entry.SOPInstanceUID = entry.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
        entry.Modality, entry.NumberOfFrames = "US", len(values)
        entry.Rows, entry.Columns = values.shape[1:3]
        colour = values.ndim == 4
        entry.SamplesPerPixel = 3 if colour else 1
        entry.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
        if colour:
            entry.PlanarConfiguration = 0
        entry.BitsAllocated = entry.BitsStored = 8
        entry.HighBit, entry.PixelRepresentation = 7, 0
        entry.FrameTime, entry.FrameIncrementPointer = 20.0, 0x00181063
        entry.PixelData = values.tobytes()
        entry["PixelData"].VR = "OB"
        item = Dataset()
        item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 0
        item.RegionLocationMinX0, item.RegionLocationMinY0 = 1, 1
        item.RegionLocationMaxX1, item.RegionLocationMaxY1 = 10, 6
        item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
        item.PhysicalDeltaX = item.PhysicalDeltaY = 0.02
        entry.SequenceOfUltrasoundRegions = [item]
        return entry

    def save(entry: Dataset) -> None:
        buffer = io.BytesIO()
        entry.save_as(buffer, enforce_file_format=True)
        made.append(buffer.getvalue())

    save(base("1.2.840.10008.1.2.1", frames()))
    save(base("1.2.840.10008.1.2", frames()[..., None].repeat(3, axis=3)))
    streams = []
    for frame in frames():
        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, "JPEG")
        streams.append(buffer.getvalue())
    jpeg = base(str(JPEGBaseline8Bit), frames())
    jpeg.PixelData = encapsulate(streams)
    jpeg["PixelData"].is_undefined_length = True
    save(jpeg)
    run_lengths = base("1.2.840.10008.1.2.1", frames())
    run_lengths.compress(RLELossless)
    save(run_lengths)
    return made


def import_folders(root: Path) -> dict[str, tuple[Path, str, list[bytes]]]:  # noqa: PLR0915
    """Make one folder of each layout of labels.

    Returns
    -------
    dict
        By target: the folder, the file in it that is changed, and the contents to start from.
    """
    import SimpleITK
    from PIL import Image

    picture = frames(1, 16, 24)[0]
    mask = np.zeros((16, 24), np.uint8)
    mask[4:12, 6:18] = 1
    made: dict[str, tuple[Path, str, list[bytes]]] = {}

    def folder(name: str) -> Path:
        path = root / name
        path.mkdir()
        return path

    coco = folder("coco")
    (coco / "images").mkdir()
    (coco / "annotations").mkdir()
    Image.fromarray(picture).save(coco / "images" / "f0.png")
    square = [6, 4, 18, 4, 18, 12, 6, 12]
    lists: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "f0.png", "width": 24, "height": 16}],
        "categories": [{"id": 1, "name": "LV"}, {"id": 2, "name": "myocardium"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [square], "bbox": [6, 4, 12, 8], "area": 96},
            {"id": 2, "image_id": 1, "category_id": 2, "segmentation": {"size": [16, 24], "counts": [70, 8, 306]}},
        ],
    }
    text = json.dumps(lists).encode()
    lists["annotations"][1]["segmentation"]["counts"] = "V15h1000000000002N1"
    target = "annotations/instances_default.json"
    (coco / target).write_bytes(text)
    made["coco"] = (coco, target, [text, json.dumps(lists).encode()])

    labelme = folder("labelme")
    Image.fromarray(picture).save(labelme / "p1_frame0.png")
    points = [[6, 4], [18, 4], [18, 12], [6, 12]]
    text = json.dumps(
        {
            "version": "5.0", "flags": {}, "imagePath": "p1_frame0.png", "imageData": None,
            "imageHeight": 16, "imageWidth": 24,
            "shapes": [
                {"label": "LV", "points": points, "shape_type": "polygon"},
                {"label": "LA", "points": [[3, 3], [5, 5]], "shape_type": "rectangle"},
                {"label": "apex", "points": [[3, 3]], "shape_type": "point"},
            ],
        }
    ).encode()  # fmt: skip
    (labelme / "p1_frame0.json").write_bytes(text)
    made["labelme"] = (labelme, "p1_frame0.json", [text])

    for name in ("FileList.csv", "VolumeTracings.csv"):
        echonet = folder(f"echonet-{name}")
        (echonet / "Videos").mkdir()
        clip = root / "0XA.avi"
        if not clip.exists():
            clip.write_bytes(_tiny_avi(clip))
        (echonet / "Videos" / "0XA.avi").write_bytes(clip.read_bytes())
        listed = (
            b"FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split\n0XA,55,45,100,32,32,50,3,TRAIN\n"
        )
        rows = b"".join(b"0XA.avi,%d,%d,20,%d,%d\n" % (10, y, y, frame) for frame in (0, 2) for y in range(4, 27))
        traced = b"FileName,X1,Y1,X2,Y2,Frame\n" + rows.replace(b",20,", b",20,")
        (echonet / "FileList.csv").write_bytes(listed)
        (echonet / "VolumeTracings.csv").write_bytes(traced)
        made[f"echonet-{name}"] = (echonet, name, [listed if name == "FileList.csv" else traced])

    camus = folder("camus-cfg")
    patient = camus / "patient0001"
    patient.mkdir()
    for name, values in (("patient0001_4CH_ED", picture), ("patient0001_4CH_ED_gt", mask)):
        image = SimpleITK.GetImageFromArray(values)
        image.SetSpacing((0.3, 0.3))
        SimpleITK.WriteImage(image, str(patient / f"{name}.nii.gz"))
    text = b"ED: 1\nES: 12\nNbFrame: 20\nSex: F\nAge: 50\nImageQuality: Good\nEF: 56.2\nFrameRate: 52.3\n"
    (patient / "Info_4CH.cfg").write_bytes(text)
    made["camus-cfg"] = (camus, "patient0001/Info_4CH.cfg", [text])

    for name in ("png-index.csv", "png-mask"):
        png = folder(name)
        (png / "images").mkdir()
        (png / "masks").mkdir()
        Image.fromarray(picture).save(png / "images" / "f0.png")
        Image.fromarray(mask).save(png / "masks" / "f0.png")
        text = (
            b"frame,mask,patient,split,view,phase,spacing_y,spacing_x\n"
            b"images/f0.png,masks/f0.png,p1,train,A4C,ED,0.3,0.3\n"
        )
        (png / "index.csv").write_bytes(text)
        changed = "index.csv" if name == "png-index.csv" else "masks/f0.png"
        made[name] = (png, changed, [(png / changed).read_bytes()])

    npz = folder("npz")
    buffer = io.BytesIO()
    np.savez(buffer, frames=frames(2, 16, 24), masks=np.stack([mask, mask]), patient=np.array("p1"))
    (npz / "a.npz").write_bytes(buffer.getvalue())
    made["npz"] = (npz, "a.npz", [buffer.getvalue()])

    seg = folder("dicom-seg")
    content = _segmentation(seg / "image.dcm", mask)
    if content is not None:
        (seg / "seg.dcm").write_bytes(content)
        made["dicom-seg"] = (seg, "seg.dcm", [content])
    return made


def _tiny_avi(path: Path) -> bytes:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=50)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuvj420p"
        for frame in frames(3, 32, 32):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode())
    return path.read_bytes()


def _segmentation(image_path: Path, mask: NDArray[np.uint8]) -> bytes | None:
    """Write an ultrasound image and return a segmentation of it, or None where highdicom is not installed."""
    try:
        import highdicom
        from pydicom.sr.codedict import codes
    except ImportError:
        return None
    from pydicom import dcmread

    image_path.write_bytes(dicom_seeds()[0])
    image = dcmread(image_path)
    image.Rows, image.Columns = mask.shape
    image.NumberOfFrames = 1
    del image.NumberOfFrames
    image.PixelData = frames(1, *mask.shape)[0].tobytes()
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
    image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = "1.2.3", "1.2.3.1", "1.2.3.2"
    image.PatientID = image.PatientName = "p1^"
    for name in (
        "StudyDate", "StudyTime", "AccessionNumber", "PatientBirthDate", "PatientSex", "StudyID",
        "ReferringPhysicianName", "SeriesNumber", "InstanceNumber",
    ):  # fmt: skip
        setattr(image, name, None)
    image.save_as(image_path)
    described = highdicom.seg.SegmentDescription(
        segment_number=1, segment_label="LV", segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=codes.SCT.LeftVentricle, algorithm_type="MANUAL",
    )  # fmt: skip
    made = highdicom.seg.Segmentation(
        [image], mask[None], "BINARY", [described], "1.2.3.9", 1, "1.2.3.9.1", 1, "m", "m", "1", "1",
        omit_empty_frames=False,
    )  # fmt: skip
    buffer = io.BytesIO()
    made.save_as(buffer)
    return buffer.getvalue()
