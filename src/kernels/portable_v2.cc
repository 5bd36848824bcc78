// The portable kernels for x86-64-v2: SSE4.2. Compiled with -march=x86-64-v2 (cmake/portable.cmake).
#define VIVACE_PORTABLE_TABLE kPortableTableV2
#include "kernels/portable_kernels.h"
