from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from read_makers import dataset, doppler_clip, encapsulated, grey_clip, region, save

import matae.stack
from matae.cine import Box, Spacing
from matae.errors import ReadError
from matae.read import list_cines, open_cine
from matae.read._grey import luma
from matae.read.dicom import read_dicom

JPEG, JPEG_XL = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.112"
J2K, J2K_LOSSLESS, JPEG_LS, RLE = (f"1.2.840.10008.1.2.{tail}" for tail in ("4.91", "4.90", "4.80", "5"))
IMPLICIT, DEFLATED, HTJ2K = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.201"


def jpeg(frame: np.ndarray[Any, Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=95, **options)
    return buffer.getvalue()


def without_jfif(stream: bytes) -> bytes:
    assert stream[2:4] == b"\xff\xe0"
    return stream[:2] + stream[4 + int.from_bytes(stream[4:6], "big") :]


def smooth_clip(count: int = 3) -> np.ndarray[Any, Any]:
    ramp = np.add.outer(np.arange(48), np.arange(64)) * 2
    return np.stack([(ramp + 3 * index).astype(np.uint8) for index in range(count)])


def test_text_file_named_dcm(tmp_path: Path) -> None:
    path = tmp_path / "clip.dcm"
    path.write_text("please see attached\n" * 20)
    with pytest.raises(ReadError, match=r"clip\.dcm is not a DICOM file, whatever its name says; choose the file"):
        open_cine(path)


def test_header_alone(tmp_path: Path) -> None:
    made = dataset(grey_clip())
    del made.PixelData
    with pytest.raises(ReadError, match="holds no pixel data; export the clip again"):
        read_dicom(save(made, tmp_path / "a.dcm"))


def test_report(tmp_path: Path) -> None:
    made = dataset(grey_clip())
    for keyword in ("PixelData", "Rows", "Columns", "SamplesPerPixel", "BitsAllocated"):
        delattr(made, keyword)
    with pytest.raises(ReadError, match="holds no image"):
        read_dicom(save(made, tmp_path / "a.dcm"))


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", IMPLICIT])
def test_header_that_is_cut_off_is_called_so_wherever_it_ends(tmp_path: Path, syntax: str) -> None:
    made = dataset(grey_clip())
    made.file_meta.TransferSyntaxUID = syntax
    data = save(made, tmp_path / "a.dcm").read_bytes()
    pixels = data.index(b"\xe0\x7f\x10\x00")
    described = data.index(b"\x28\x00\x00\x01") + 8  # up to Bits Allocated there is no picture to speak of
    path = tmp_path / "cut.dcm"
    for end in range(132, pixels, 1):
        path.write_bytes(data[:end])
        with pytest.raises(ReadError) as caught:
            read_dicom(path)
        said = str(caught.value)
        assert "copy it again" in said or "export the clip again" in said, (end, said)
        assert not [word for word in ("report", "holds no frames") if word in said], (end, said)
        assert end >= described or "cut off within its header" in said or "is a damaged DICOM file" in said, (end, said)


@pytest.mark.parametrize("end", [150, 300])
def test_folder_names_what_is_cut_off(tmp_path: Path, end: int) -> None:
    save(dataset(grey_clip()), tmp_path / "whole.dcm")
    data = (tmp_path / "whole.dcm").read_bytes()
    (tmp_path / "cut.dcm").write_bytes(data[:end])
    found = list_cines(tmp_path)
    assert [ref.label for ref in found] == ["whole"]
    assert found.left_out == (("cut", "files cut off within their header"),)


def test_damaged_header(tmp_path: Path) -> None:
    path = save(dataset(grey_clip()), tmp_path / "a.dcm")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ReadError, match=r"a\.dcm"):
        read_dicom(path)


def test_jpeg_xl_is_named(tmp_path: Path) -> None:
    # No pydicom writes JPEG XL: write a syntax whose identifier is as long, and change it in the file.
    path = save(encapsulated(dataset(grey_clip(1)), HTJ2K, [b"\xff\x0a" + bytes(30)]), tmp_path / "a.dcm")
    path.write_bytes(path.read_bytes().replace(HTJ2K.encode(), JPEG_XL.encode()))
    with pytest.raises(ReadError, match=r"stored as JPEG XL \(1\.2\.840\.10008\.1\.2\.4\.112\).*export the clip"):
        read_dicom(path)


@pytest.mark.parametrize("modality", ["CT", "MR", "PT", "SEG"])
def test_other_modalities(tmp_path: Path, modality: str) -> None:
    with pytest.raises(ReadError, match=f"holds {modality} data, not an ultrasound clip"):
        read_dicom(save(dataset(grey_clip(), Modality=modality), tmp_path / "a.dcm"))


def test_ultrasound_volume(tmp_path: Path) -> None:
    made = dataset(grey_clip(), SOPClassUID="1.2.840.10008.5.1.4.1.1.6.2")
    with pytest.raises(ReadError, match="is a 3-D volume, not a 2-D cine"):
        read_dicom(save(made, tmp_path / "a.dcm"))


def test_truncated_pixel_data_keeps_whole_frames(tmp_path: Path) -> None:
    frames = grey_clip(6)
    path = save(dataset(frames, FrameTime="20", FrameIncrementPointer=0x00181063), tmp_path / "a.dcm")
    path.write_bytes(path.read_bytes()[: -int(2.5 * frames[0].size)])
    cine = read_dicom(path)
    np.testing.assert_array_equal(cine.frames, frames[:3])
    assert cine.warnings == ("3 of 6 frames could be decoded; the file is truncated or damaged.",)
    assert cine.frame_rate == pytest.approx(50)


def test_broken_frame_is_left_out_and_the_times_stay(tmp_path: Path) -> None:
    frames = smooth_clip(5)
    streams = [jpeg(frame) for frame in frames]
    streams[2] = b"\xff\xd8" + bytes(60)
    cine = read_dicom(save(encapsulated(dataset(frames, FrameTime="20"), JPEG, streams), tmp_path / "a.dcm"))
    assert cine.n_frames == 4
    assert "4 of 5 frames" in cine.warnings[0]
    np.testing.assert_allclose(cine.frame_times, [0, 0.02, 0.06, 0.08])


def test_no_frame_decodes(tmp_path: Path) -> None:
    made = encapsulated(dataset(smooth_clip(2)), JPEG, [b"\xff\xd8" + bytes(40)] * 2)
    with pytest.raises(ReadError, match=r"holds no frames that decode .*JPEG Baseline"):
        read_dicom(save(made, tmp_path / "a.dcm"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))),
    st.sampled_from(["1.2.840.10008.1.2.1", IMPLICIT, DEFLATED]),
)
def test_uncompressed_round_trip(tmp_path: Path, frames: np.ndarray[Any, Any], syntax: str) -> None:
    cine = read_dicom(save(dataset(frames, syntax), tmp_path / "a.dcm"))
    np.testing.assert_array_equal(cine.frames, frames)


@pytest.mark.parametrize("syntax", [RLE, JPEG_LS, J2K_LOSSLESS])
@pytest.mark.parametrize("colour", [False, True])
def test_lossless_compression(tmp_path: Path, syntax: str, colour: bool) -> None:
    frames = smooth_clip()
    made = dataset(np.repeat(frames[..., None], 3, axis=3) if colour else frames)
    if colour and syntax == J2K_LOSSLESS:
        made.PhotometricInterpretation = "YBR_RCT"
    made.compress(syntax, encoding_plugin="", generate_instance_uid=False)
    np.testing.assert_array_equal(read_dicom(save(made, tmp_path / "a")).frames, frames)


@pytest.mark.parametrize("stated", ["YBR_FULL_422", "YBR_FULL", "RGB"])
@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("subsampling", [0, 1])
def test_jpeg_baseline_whatever_it_calls_its_colours(
    tmp_path: Path, stated: str, marked: bool, subsampling: int
) -> None:
    frames = smooth_clip()
    colour = np.repeat(frames[..., None], 3, axis=3)
    streams = [jpeg(frame, subsampling=subsampling) for frame in colour]
    made = dataset(colour, PhotometricInterpretation=stated)
    made = encapsulated(made, JPEG, streams if marked else [without_jfif(stream) for stream in streams])
    cine = read_dicom(save(made, tmp_path / "a.dcm"))
    assert np.abs(cine.frames.astype(int) - frames).max() <= 6
    assert "colour_doppler" not in cine.info


def test_jpeg_baseline_that_really_is_rgb(tmp_path: Path) -> None:
    frames = smooth_clip()
    colour = np.repeat(frames[..., None], 3, axis=3)
    made = encapsulated(dataset(colour), JPEG, [jpeg(frame, keep_rgb=True) for frame in colour])
    assert np.abs(read_dicom(save(made, tmp_path / "a.dcm")).frames.astype(int) - frames).max() <= 6


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    frames = grey_clip()
    made = dataset(frames, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(read_dicom(save(made, tmp_path / "a.dcm")).frames, 255 - frames)


@pytest.mark.parametrize("planar", [0, 1])
def test_rgb_becomes_luma(tmp_path: Path, planar: int) -> None:
    colour = np.random.default_rng(0).integers(0, 256, (2, 8, 10, 3), dtype=np.uint8)
    made = dataset(colour, PlanarConfiguration=planar)
    if planar:
        made.PixelData = np.moveaxis(colour, 3, 1).tobytes()
    np.testing.assert_array_equal(read_dicom(save(made, tmp_path / "a.dcm")).frames, luma(colour))


def test_uncompressed_ybr_full_422(tmp_path: Path) -> None:
    frames = grey_clip(2, (4, 6))
    packed = np.full((2, 4, 3, 4), 128, np.uint8)
    packed[..., 0], packed[..., 1] = frames[..., 0::2], frames[..., 1::2]
    made = dataset(np.repeat(frames[..., None], 3, axis=3), PhotometricInterpretation="YBR_FULL_422")
    made.PixelData = packed.tobytes()
    np.testing.assert_array_equal(read_dicom(save(made, tmp_path / "a.dcm")).frames, frames)


def test_palette_colour(tmp_path: Path) -> None:
    frames = grey_clip()
    made = dataset(frames, PhotometricInterpretation="PALETTE COLOR")
    table = (np.arange(256)[::-1].astype("<u2") * 257).tobytes()
    for name in ("Red", "Green", "Blue"):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(made, f"{name}PaletteColorLookupTableData", table)
    np.testing.assert_array_equal(read_dicom(save(made, tmp_path / "a.dcm")).frames, 255 - frames)


def test_sixteen_bit_signed_and_windowed(tmp_path: Path) -> None:
    frames = np.linspace(-1000, 3000, 2 * 8 * 8).reshape(2, 8, 8).astype(np.int16)
    whole = read_dicom(save(dataset(frames), tmp_path / "a.dcm"))
    assert (whole.frames.min(), whole.frames.max()) == (0, 255)
    assert "rescaled from -1000..3000" in whole.warnings[0]
    made = dataset(frames, WindowCenter="1000", WindowWidth="1000")
    windowed = read_dicom(save(made, tmp_path / "b.dcm"))
    assert (windowed.frames[frames <= 400] == 0).all()
    assert (windowed.frames[frames >= 1600] == 255).all()


def test_sixteen_bits_that_hold_eight_are_kept(tmp_path: Path) -> None:
    frames = grey_clip()
    cine = read_dicom(save(dataset(frames.astype(np.uint16)), tmp_path / "a.dcm"))
    np.testing.assert_array_equal(cine.frames, frames)


def test_no_preamble_and_no_suffix(tmp_path: Path) -> None:
    frames = grey_clip()
    made = dataset(frames, IMPLICIT)
    path = tmp_path / "IM_0001"
    del made.file_meta
    made.save_as(path, implicit_vr=True, little_endian=True)
    np.testing.assert_array_equal(open_cine(path).frames, frames)


def test_single_frame_without_number_of_frames(tmp_path: Path) -> None:
    made = dataset(grey_clip(1))
    del made.NumberOfFrames
    cine = read_dicom(save(made, tmp_path / "a.dcm"))
    assert (cine.n_frames, cine.frame_times) == (1, None)


def test_calibration_view_rate_and_r_waves(tmp_path: Path) -> None:
    made = dataset(
        grey_clip(4, (60, 80)),
        SequenceOfUltrasoundRegions=[
            region(0, 0, 9, 9, 0.5, RegionSpatialFormat=3),
            region(10, 5, 69, 54, PhysicalDeltaY=-0.03),
        ],
        ViewName="Apical 4 chamber",
        HeartRate="72",
        FrameTimeVector=["0", "20", "20", "25"],
        FrameIncrementPointer=0x00181065,
        RWaveTimeVector=[12.0, 840.0],
    )
    cine = read_dicom(save(made, tmp_path / "a.dcm"))
    assert cine.region == Box(5, 10, 55, 70)
    assert cine.spacing == pytest.approx(Spacing(0.3, 0.2))
    assert (cine.view, cine.heart_rate) == ("A4C", 72)
    np.testing.assert_allclose(cine.frame_times, [0, 0.02, 0.04, 0.065])
    assert cine.info["r_wave_times_ms"] == [12.0, 840.0]


def test_view_code(tmp_path: Path) -> None:
    from pydicom.dataset import Dataset

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "399232001", "SCT", "Apical two chamber"
    cine = read_dicom(save(dataset(grey_clip(), ViewCodeSequence=[code]), tmp_path / "a.dcm"))
    assert cine.view == "A2C"


def test_contradicting_rates_ask(tmp_path: Path) -> None:
    cine = read_dicom(save(dataset(grey_clip(), FrameTime="20", CineRate="25"), tmp_path / "a.dcm"))
    assert cine.frame_times is None
    assert cine.timing_note.endswith("give the frame rate by hand.")
    assert cine.info["frame_rate_candidates"] == {"FrameTime": 50.0, "CineRate": 25.0}


def test_missing_rate_asks(tmp_path: Path) -> None:
    cine = read_dicom(save(dataset(grey_clip()), tmp_path / "a.dcm"))
    assert cine.frame_times is None
    assert cine.timing_note == "The file states no frame rate; give the frame rate by hand."


def test_region_outside_the_image_of_the_real_cine() -> None:
    from pydicom import examples

    cine = read_dicom(Path(examples.get_path("ybr_color")))
    assert cine.frames.shape == (30, 240, 320)
    assert cine.frame_rate == pytest.approx(30, rel=1e-3)
    assert (cine.spacing, cine.region, cine.heart_rate) == (None, None, None)
    assert "does not lie inside the image of 320x240 pixels" in cine.spacing_note
    assert cine.warnings == ()
    assert "colour_doppler" not in cine.info


def test_colour_doppler_by_flag_and_by_colour(tmp_path: Path) -> None:
    by_flag = read_dicom(save(dataset(grey_clip(), UltrasoundColorDataPresent=1), tmp_path / "a.dcm"))
    by_colour = read_dicom(save(dataset(doppler_clip()), tmp_path / "b.dcm"))
    for cine in (by_flag, by_colour):
        assert cine.info["colour_doppler"] is True
        assert "colour Doppler" in cine.warnings[0]


def test_nothing_names_the_person(tmp_path: Path) -> None:
    cine = read_dicom(save(dataset(grey_clip(), Manufacturer="Maker"), tmp_path / "a.dcm"))
    told = json.dumps([cine.info, cine.warnings, cine.timing_note, cine.spacing_note])
    assert not any(secret in told for secret in ("Doe", "Jane", "secret-id", "2020", "1.2.3.4"))
    assert cine.info == {"manufacturer": "Maker"}


def test_long_clip_goes_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = grey_clip(40)
    monkeypatch.setattr(matae.stack, "IN_MEMORY_BYTES", 1000)
    cine = read_dicom(save(dataset(frames), tmp_path / "a.dcm"))
    assert isinstance(cine.frames, np.memmap)
    np.testing.assert_array_equal(cine.frames, frames)
