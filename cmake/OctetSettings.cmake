# How every target of the project is compiled: octet_settings(target) = language level, arithmetic, warnings, sanitizers, hardening.
# Per target, never through CMAKE_CXX_FLAGS: those belong to whoever builds.
include_guard(GLOBAL)

if(PROJECT_IS_TOP_LEVEL)
    get_property(octet_multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
    if(NOT CMAKE_BUILD_TYPE AND NOT octet_multi_config)
        set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
        message(STATUS "octet: no build type given, taking Release")
    endif()
    if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
        find_program(OCTET_CCACHE ccache)
        mark_as_advanced(OCTET_CCACHE)
        if(OCTET_CCACHE)
            set(CMAKE_CXX_COMPILER_LAUNCHER "${OCTET_CCACHE}")
        endif()
    endif()
    set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
endif()

if(NOT DEFINED CMAKE_CXX_STANDARD)
    set(CMAKE_CXX_STANDARD 20)  # a fetched Catch2 must be built with the standard of the tests
endif()

if(OCTET_SANITIZE)
    # Directory-wide, so that a fetched Catch2 is instrumented as well.
    add_compile_options(-fsanitize=${OCTET_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${OCTET_SANITIZE})
endif()

# What a program that reads files from anywhere is compiled with (OCTET_HARDEN): stack canaries, checked copies, branches that
# land only where they may, a table of relocations that is read-only before main() begins, an address of its own for each run.
# Sanitizers bring checks of their own, and _FORTIFY_SOURCE needs an optimizer.
set(octet_hardening "")
if(OCTET_HARDEN AND NOT OCTET_SANITIZE)
    include(CheckCXXCompilerFlag)
    include(CheckPIESupported)
    check_pie_supported(LANGUAGES CXX)
    set(octet_fortify 2)
    if((CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 12)
       OR (CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 12))
        set(octet_fortify 3)
    endif()
    list(APPEND octet_hardening -fstack-protector-strong
        "$<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=${octet_fortify}>")
    foreach(flag -fcf-protection=full -mbranch-protection=standard)  # x86, 64-bit ARM
        string(MAKE_C_IDENTIFIER "octet_has${flag}" known)
        check_cxx_compiler_flag("${flag} -Werror" ${known})
        if(${known})
            list(APPEND octet_hardening ${flag})
        endif()
    endforeach()
endif()

function(octet_warnings target)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow
        $<$<BOOL:${OCTET_WERROR}>:-Werror>)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
        # GCC 12 sees overlapping copies inside std::string's own operator+ (GCC bug 105651).
        target_compile_options(${target} PRIVATE -Wno-restrict)
    endif()
endfunction()

# octet_precompile(target header...): in the builds with sanitizers, whose time goes into parsing the same headers again and again. The
# release does without, so a file that forgets an include is noticed.
function(octet_precompile target)
    if(OCTET_PRECOMPILE)
        target_precompile_headers(${target} PRIVATE ${ARGN})
    endif()
endfunction()

function(octet_settings target)
    octet_warnings(${target})
    target_compile_features(${target} PUBLIC cxx_std_20)
    set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
    # No fused multiply-add that the source does not spell out: the same bytes from every compiler and instruction set.
    target_compile_options(${target} PRIVATE -ffp-contract=off ${octet_hardening})
    if(octet_hardening)
        target_link_options(${target} PRIVATE -Wl,-z,relro,-z,now -Wl,-z,noexecstack)
    endif()
endfunction()
