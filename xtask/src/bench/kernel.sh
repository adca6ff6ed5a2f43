# What `cargo xtask bench kernel` runs in the guest: programs that take frames from the same camera
# in the same format and size, each watched in several ways. Leaves in /scratch, as files
# PROGRAM-FRAMES.KIND: `strace`, every system call; `callgrind`, instructions; `time`, what
# busybox's `time -v` says; `ms`, the guest's clock before and after. PROGRAM.out has what was
# printed.
#
# kernel.sh PINHOLE FRAMES...
set -eu
pinhole=$1
shift
. /run/testbed/settings # busybox

# take PROGRAM FRAMES WATCHER...: takes frames, watched.
take() {
    program=$1 frames=$2
    shift 2
    case $program in
    pinhole)
        "$@" "$pinhole" capture --stream video,size=640x480,format=YUYV --count "$frames" ;;
    pinhole_log)
        "$@" "$pinhole" capture --stream video,size=640x480,format=YUYV --count "$frames" --metadata - ;;
    cam)
        "$@" cam --camera 1 --stream width=640,height=480,pixelformat=YUYV --capture="$frames" ;;
    v4l2ctl)
        "$@" v4l2-ctl --device /dev/video0 --set-fmt-video width=640,height=480,pixelformat=YUYV \
            --stream-mmap --stream-count="$frames" ;;
    esac >>"/scratch/$program.out" 2>&1
}

# libcamera wants a camera's bus to be known to the firmware, by this file of one of its parents.
name_bus() {
    bus=/sys/devices/platform/vhci_hcd.0
    mkdir /run/bus
    mount --bind $bus /run/bus
    mount -t tmpfs none $bus
    mkdir $bus/usb1 $bus/firmware_node
    mount --bind /run/bus/usb1 $bus/usb1
    echo bus >$bus/firmware_node/path
}

name_bus
for program in pinhole pinhole_log cam v4l2ctl; do
    for frames in "$@"; do
        file=/scratch/$program-$frames
        take $program "$frames" strace -f -o "$file.strace"
        take $program "$frames" valgrind --tool=callgrind --callgrind-out-file="$file.callgrind"
        before=$(/bin/date +%s%3N)
        take $program "$frames" "$busybox" time -v -o "$file.time"
        echo $(($(/bin/date +%s%3N) - before)) >"$file.ms"
    done
done
