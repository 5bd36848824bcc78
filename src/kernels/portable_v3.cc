// The portable kernels for x86-64-v3: AVX2, FMA, F16C. Compiled with -march=x86-64-v3 (cmake/portable.cmake).
#define VIVACE_PORTABLE_TABLE kPortableTableV3
#include "kernels/portable_kernels.h"
