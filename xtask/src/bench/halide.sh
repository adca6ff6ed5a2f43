#!/bin/sh
# Builds Halide's camera_pipe and measures it: halide.sh FOLDER ROUNDS. FOLDER holds Halide's
# sources (only apps/camera_pipe is read), the environment's Python module `halide` the compiler.
# Prints what halide.cpp prints.
set -e
sources=$1 rounds=$2
here=$(dirname "$0")
halide=$(python3 -c 'import halide, os; print(os.path.dirname(halide.__file__))')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
g++ -std=c++17 -I"$halide/include" -I"$halide/share/tools" \
    "$sources/apps/camera_pipe/camera_pipe_generator.cpp" -L"$halide/lib64" -Wl,-rpath,"$halide/lib64" \
    -Wl,--whole-archive -lHalide_GenGen -Wl,--no-whole-archive -lHalide -o "$work/generator"
# Wider vectors than AVX2's make it slower.
"$work/generator" -g camera_pipe -f camera_pipe -o "$work" -e static_library,c_header \
    target=x86-64-linux-avx-avx2-f16c-fma-sse41
g++ -std=c++17 -O2 -I"$halide/include" -I"$work" "$here/halide.cpp" "$work/camera_pipe.a" -o "$work/halide" -ldl -lpthread
HL_NUM_THREADS=1 "$work/halide" "$rounds"
