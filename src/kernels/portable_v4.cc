// The portable kernels for x86-64-v4: AVX-512. Compiled with -march=x86-64-v4 (cmake/portable.cmake).
#define VIVACE_PORTABLE_TABLE kPortableTableV4
#include "kernels/portable_kernels.h"
