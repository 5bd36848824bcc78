# The portable kernels are compiled once for each instruction set and picked by CPUID (src/kernels/portable_tables.h says what that asks
# of the sources). Optimised in every preset: they are the inner loops of -O0. g++ 12 warns inside its own AVX-512 intrinsics.
foreach(level 2 3 4)
  set_source_files_properties(${CMAKE_SOURCE_DIR}/src/kernels/portable_v${level}.cc PROPERTIES
    COMPILE_OPTIONS "-march=x86-64-v${level};-O3;-Wno-unused-function;-Wno-maybe-uninitialized")
endforeach()
