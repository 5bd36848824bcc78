# What makes a mistake in memory harder to use, in every optimised build without sanitizers (docs/security.md, "Hardening");
# tests/faults/hardening_test.py reads the outcome from the program. The sanitizers and the fuzzers have checks of their own,
# and an unoptimised build takes no _FORTIFY_SOURCE. Level 3 also checks sizes that are known at run time only. Of -fcf-protection
# only the shadow stack: machine code that is made at run time has no marks for indirect branches.
include(CheckPIESupported)
check_pie_supported(LANGUAGES CXX)
if(NOT VIVACE_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection=return)
  add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code)
endif()
