# Toolchain of the presets `dev` and `tsan`: Clang where there is one, the default compiler otherwise (GCC has the same
# sanitizers). A preset alone cannot fall back. CXX in the environment is stronger.
if(NOT DEFINED ENV{CXX})
    find_program(OCTET_CLANG NAMES clang++-14 clang++-18 clang++)
    mark_as_advanced(OCTET_CLANG)
    if(OCTET_CLANG)
        set(CMAKE_CXX_COMPILER "${OCTET_CLANG}")
    else()
        message(STATUS "octet: no Clang found, taking the default compiler")
    endif()
endif()
