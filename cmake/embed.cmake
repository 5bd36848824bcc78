# Files that are part of the program: tools/fetch_model.py becomes a C++ string literal in <build>/embedded.
file(READ ${CMAKE_SOURCE_DIR}/tools/fetch_model.py VIVACE_FETCH_MODEL_TEXT)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tools/fetch_model.py)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/embedded/fetch_model.inc
  CONTENT "R\"PYTHON(@VIVACE_FETCH_MODEL_TEXT@)PYTHON\"\n" @ONLY)
include_directories(${CMAKE_BINARY_DIR}/embedded)
