#!/bin/sh
# Install the Debian packages that a target needs and the machine lacks.
#
#   scripts/system-packages.sh venv               what making a virtual environment needs
#   scripts/system-packages.sh display            what Qt and a hidden screen need; stops if it cannot be had
#   scripts/system-packages.sh display optional   the same, but only says what is missing
#   scripts/system-packages.sh checks optional    programs that check our files; their tests are skipped without
#   scripts/system-packages.sh database optional  the PostgreSQL that the study's tests start; the same
#   scripts/system-packages.sh archive optional   the Orthanc that the tests of an archive start; the same
#
# As root they are installed; otherwise one sentence says which to install. On other systems than Linux it does
# nothing: their Python and Qt come complete.
set -eu

[ "$(uname -s)" = Linux ] || exit 0
PATH=$PATH:/usr/sbin:/sbin
python=${PYTHON:-python3}

missing=
need() { missing="$missing $1"; }

library() { # soname, package
    case $libraries in
    *"$1"*) ;;
    *) need "$2" ;;
    esac
}

case ${1:-} in
venv)
    "$python" -c 'import ensurepip, venv' 2>/dev/null || need python3-venv
    ;;
display)
    libraries=$(ldconfig -p)
    command -v xvfb-run >/dev/null || need xvfb
    command -v xauth >/dev/null || need xauth # xvfb-run calls it, and only recommends it
    library libGL.so.1 libgl1
    library libEGL.so.1 libegl1
    library libOpenGL.so.0 libopengl0
    library libglib-2.0.so.0 libglib2.0-0
    library libdbus-1.so.3 libdbus-1-3
    library libfontconfig.so.1 libfontconfig1
    library libxkbcommon.so.0 libxkbcommon0
    library libxkbcommon-x11.so.0 libxkbcommon-x11-0
    library libxcb-cursor.so.0 libxcb-cursor0
    library libxcb-icccm.so.4 libxcb-icccm4
    library libxcb-image.so.0 libxcb-image0
    library libxcb-keysyms.so.1 libxcb-keysyms1
    library libxcb-randr.so.0 libxcb-randr0
    library libxcb-render-util.so.0 libxcb-render-util0
    library libxcb-shape.so.0 libxcb-shape0
    library libxcb-xinerama.so.0 libxcb-xinerama0
    library libxcb-xkb.so.1 libxcb-xkb1
    # Mesa's software renderer: napari draws with OpenGL, and a hidden screen has no graphics card.
    ls /usr/lib/*/dri/swrast_dri.so /usr/lib/dri/swrast_dri.so /usr/lib64/dri/swrast_dri.so 2>/dev/null |
        grep -q . || need libgl1-mesa-dri
    ;;
checks)
    command -v dciodvfy >/dev/null || need dicom3tools
    command -v dsrdump >/dev/null || need dcmtk
    # A file system that cannot keep a write-ahead log, for the tests of the study.
    [ "$(uname)" != Linux ] || command -v bindfs >/dev/null || need bindfs
    ;;
database)
    # Debian keeps the server's programs off the path.
    command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | grep -q . || need postgresql
    ;;
archive)
    command -v Orthanc >/dev/null || need orthanc
    ls /usr/share/orthanc/plugins/libOrthancDicomWeb.so* 2>/dev/null | grep -q . || need orthanc-dicomweb
    ;;
*)
    echo "usage: $0 venv|display|checks|database|archive [optional]" >&2
    exit 2
    ;;
esac

[ -n "$missing" ] || exit 0
missing=${missing# }

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    # Several targets ask, one after the other: lists that were fetched within the hour are not fetched again.
    if ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 &&
        [ -n "$(find /var/lib/apt/lists -maxdepth 0 -mmin -60)" ]; then
        # shellcheck disable=SC2086 # a list of names
        apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 && exit 0
    fi
    # shellcheck disable=SC2086 # a list of names
    apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing >/dev/null && exit 0
    echo "apt-get could not install: $missing" >&2
else
    echo "Please install these packages (Debian names): sudo apt-get install $missing" >&2
fi
[ "${2:-}" = optional ] || exit 1
