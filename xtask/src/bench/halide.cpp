// What `cargo xtask bench imaging` runs of Halide's camera_pipe: halide ROUNDS. Prints seconds a
// megapixel of its output, of the quickest round. Buffers are there before, as ours are.
#include "HalideBuffer.h"
#include "camera_pipe.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

using Halide::Runtime::Buffer;

int main(int, char **arguments) {
    const int width = 3280, height = 2464;
    // The pipeline looks beyond what it makes, and makes whole tiles.
    const int made_width = (width - 32) / 32 * 32, made_height = (height - 24) / 32 * 32;
    Buffer<uint16_t, 2> mosaic(width, height);
    Buffer<uint8_t, 3> picture(made_width, made_height, 3);
    Buffer<float, 2> matrix(4, 3);
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) mosaic(x, y) = uint16_t(200 + (x * 7 + y * 13) % 640);
    }
    picture.fill(1);
    for (int y = 0; y < 3; y++) {
        for (int x = 0; x < 4; x++) matrix(x, y) = x == 3 ? -30.f : x == y ? 1.8f : -0.4f;
    }
    double quickest = 1e9;
    for (int round = atoi(arguments[1]); round > 0; round--) {
        auto start = std::chrono::steady_clock::now();
        if (camera_pipe(mosaic, matrix, matrix, 3700, 2.0f, 50, 1.0f, 25, 1023, picture)) return 1;
        quickest = std::min(quickest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    printf("camera_pipe %g\n", quickest / (made_width * 1e-6 * made_height));
}
