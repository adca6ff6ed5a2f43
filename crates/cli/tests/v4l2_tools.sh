# In the virtual machine, with vivid and a USB camera: what other programs find on devices that
# Pinhole has used. Ends with 1 and says so where
#
# - v4l2-compliance fails other tests after captures than before them (what it fails on untouched
#   devices is the driver's business, or its own),
# - v4l2-ctl does not see the format, the frame rate or a control that Pinhole has set.
#
# v4l2_tools.sh PINHOLE
set -eu
pinhole=$1
MULTI_PLANAR=/dev/video4

give_up() {
    echo "$*"
    exit 1
}

# failures NODE: the tests that v4l2-compliance fails, in words.
failures() {
    v4l2-compliance --device "$1" --streaming=10 >/scratch/compliance 2>&1 || true
    tail -n 1 /scratch/compliance >&2
    case $(tail -n 1 /scratch/compliance) in
    Total\ for*) ;;
    *) give_up "v4l2-compliance did not come to its end on $1" >&2 ;;
    esac
    grep -E 'FAIL$' /scratch/compliance | sort -u
}

# check_seen NODE QUESTION WORDS: v4l2-ctl answers with these words.
check_seen() {
    said=$(v4l2-ctl --device "$1" "$2")
    case $said in
    *"$3"*) ;;
    *) give_up "$1: v4l2-ctl $2 does not say \`$3\`, but: $said" ;;
    esac
}

# check_camera NAME NODE BRIGHTNESS: BRIGHTNESS is what the driver makes of a quarter more.
check_camera() {
    failures "$2" >/scratch/before
    "$pinhole" capture --camera "$1" --stream video,size=640x480,format=YUYV --count 20 \
        --control FrameDurationLimits=66667,66667 --control Brightness=0.25
    check_seen "$2" --get-fmt-video 'Width/Height      : 640/480'
    check_seen "$2" --get-fmt-video "'YUYV'"
    # Debian 12's asks this of single-planar nodes alone.
    [ "$2" = "$MULTI_PLANAR" ] || check_seen "$2" --get-parm 'Frames per second: 15.000'
    check_seen "$2" --get-ctrl=brightness "brightness: $3"
    failures "$2" >/scratch/after
    cmp -s /scratch/before /scratch/after ||
        give_up "$2: v4l2-compliance failed at first: $(cat /scratch/before)
after captures: $(cat /scratch/after)"
}

check_camera vivid-000-vid-cap /dev/video0 160
check_camera vivid-001-vid-cap "$MULTI_PLANAR" 160
check_camera 'Pinhole test camera' /dev/video8 16
