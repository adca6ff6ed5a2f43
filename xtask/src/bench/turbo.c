/* How fast libjpeg-turbo codes the picture that our own encoder is measured with, in the same
   way: planar 4:2:0, 3280x2464. Prints the seconds that the quickest round took.

   turbo IN.yuv QUALITY ROUNDS OUT.jpg */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <turbojpeg.h>

enum { WIDTH = 3280, HEIGHT = 2464, LUMA = WIDTH * HEIGHT, BYTES = LUMA * 3 / 2 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static unsigned char *read_picture(const char *path) {
    unsigned char *picture = malloc(BYTES);
    FILE *file = fopen(path, "rb");
    if (!picture || !file || fread(picture, 1, BYTES, file) != BYTES) {
        perror(path);
        exit(1);
    }
    fclose(file);
    return picture;
}

int main(int count, char **arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: turbo IN.yuv QUALITY ROUNDS OUT.jpg\n");
        return 2;
    }
    unsigned char *picture = read_picture(arguments[1]);
    const unsigned char *planes[] = {picture, picture + LUMA, picture + LUMA + LUMA / 4};
    unsigned long room = tjBufSize(WIDTH, HEIGHT, TJSAMP_420), length = 0;
    unsigned char *jpeg = tjAlloc((int)room);
    tjhandle turbo = tjInitCompress();
    double quickest = 1e9;
    for (int round = 0; round < atoi(arguments[3]); round++) {
        double start = now();
        length = room;
        if (tjCompressFromYUVPlanes(turbo, planes, WIDTH, NULL, HEIGHT, TJSAMP_420, &jpeg, &length,
                                    atoi(arguments[2]), TJFLAG_NOREALLOC)) {
            fprintf(stderr, "turbo: %s\n", tjGetErrorStr2(turbo));
            return 1;
        }
        double seconds = now() - start;
        if (seconds < quickest)
            quickest = seconds;
    }
    FILE *out = fopen(arguments[4], "wb");
    if (!out || fwrite(jpeg, 1, length, out) != length || fclose(out)) {
        perror(arguments[4]);
        return 1;
    }
    printf("seconds %.9f\n", quickest);
    return 0;
}
