# What `cargo xtask bench pi` runs in the guest: programs that take RAW and 1080p pictures from the
# modelled Raspberry Pi camera, each watched in several ways. Leaves in /scratch, as files
# PROGRAM-FRAMES.KIND: `strace`, every system call; `callgrind`, a profile; `time`, what busybox's
# `time -v` says; `said`, what was printed then, and `buffers`, the module's account of them.
# PROGRAM.out has all that was printed. Tells when the unwatched capture begins and ends.
#
# pi.sh PINHOLE FRAMES...
set -eu
pinhole=$1
shift
. /run/testbed/settings # busybox
account=/sys/kernel/debug/pi-camera/buffers
export LIBCAMERA_LOG_LEVELS='*:WARN'

# take PROGRAM FRAMES WATCHER...: takes frames, watched.
take() {
    program=$1 frames=$2
    shift 2
    case $program in
    pinhole)
        "$@" "$pinhole" capture --stream raw,size=1920x1080,format=SRGGB10_CSI2P \
            --stream video,size=1920x1080,format=YUV420 --count "$frames" --json ;;
    libcamera)
        "$@" cam --camera 1 --stream role=raw,width=1920,height=1080 \
            --stream role=video,width=1920,height=1080,pixelformat=YUV420 --capture="$frames" ;;
    esac >"/scratch/$program-$frames.said" 2>>"/scratch/$program.out"
}

for program in pinhole libcamera; do
    for frames in "$@"; do
        file=/scratch/$program-$frames
        take $program "$frames" strace -f -o "$file.strace"
        take $program "$frames" valgrind --tool=callgrind --demangle=no --dump-line=no \
            --callgrind-out-file="$file.callgrind"
        echo forget >$account
        echo "$program $frames begins"
        take $program "$frames" "$busybox" time -v -o "$file.time"
        echo "$program $frames ends"
        cat $account >"$file.buffers"
    done
done
