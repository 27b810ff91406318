# Everything that is not ours. The system's package first; where there is none (or with the preset `bundled`) a pinned
# release, checked against its hash. The versions of Debian 12 and Ubuntu 24.04 are enough.
include_guard(GLOBAL)
include(FetchContent)

set(FMT_INSTALL OFF)
set(JSON_BuildTests OFF)
set(JSON_Install OFF)
set(CLI11_BUILD_TESTS OFF)
set(CLI11_BUILD_EXAMPLES OFF)
set(CLI11_BUILD_DOCS OFF)
set(CLI11_INSTALL OFF)
set(CATCH_INSTALL_DOCS OFF)
set(CATCH_INSTALL_EXTRAS OFF)
set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)  # option() of a fetched project takes the values above
set(CMAKE_POLICY_DEFAULT_CMP0135 NEW)  # files of an archive get the time of the extraction
cmake_policy(SET CMP0135 NEW)

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

FetchContent_Declare(fmt
    URL https://github.com/fmtlib/fmt/archive/10.2.1.tar.gz
    URL_HASH SHA256=1250e4cc58bf06ee631567523f48848dc4596133e163f02615c97f78bab6c811
    FIND_PACKAGE_ARGS 9)
FetchContent_Declare(nlohmann_json
    URL https://github.com/nlohmann/json/releases/download/v3.11.3/json.tar.xz
    URL_HASH SHA256=d6c65aca6b1ed68e7a182f4757257b107ae403032760ed6ef121c9d55e81757d
    FIND_PACKAGE_ARGS 3.11)
FetchContent_Declare(CLI11
    URL https://github.com/CLIUtils/CLI11/archive/v2.4.2.tar.gz
    URL_HASH SHA256=f2d893a65c3b1324c50d4e682c0cdc021dd0477ae2c048544f39eed6654b699a
    FIND_PACKAGE_ARGS 2.1)
FetchContent_Declare(xsimd
    URL https://github.com/xtensor-stack/xsimd/archive/14.1.0.tar.gz
    URL_HASH SHA256=8da77b66214e73565f6111ba494322c853552b7b40cff69779b42e2100eed16f
    FIND_PACKAGE_ARGS)
FetchContent_MakeAvailable(fmt nlohmann_json CLI11 xsimd)

# xxHash is used as one header, compiled into the kernels; its packages bring no CMake files.
find_path(OCTET_XXHASH_INCLUDE_DIR xxhash.h)
if(NOT OCTET_XXHASH_INCLUDE_DIR OR FETCHCONTENT_TRY_FIND_PACKAGE_MODE STREQUAL "NEVER")
    FetchContent_Declare(xxhash
        URL https://github.com/Cyan4973/xxHash/archive/v0.8.2.tar.gz
        URL_HASH SHA256=baee0c6afd4f03165de7a4e67988d16f0f2b257b51d0e3cb91909302a26a79c4
        SOURCE_SUBDIR no_cmake_here)
    FetchContent_MakeAvailable(xxhash)
    set(OCTET_XXHASH_INCLUDE_DIR "${xxhash_SOURCE_DIR}" CACHE PATH "where xxhash.h is" FORCE)
endif()

# octet_header_only(name dependency): an INTERFACE target with the dependency's headers (as system headers: its warnings are
# not ours) and definitions, and nothing of its link interface. Debian's xsimd needs that: it asks for a library "xtl" which
# its package does not bring. And nothing that is linked this way can slip into the installed package of octet.
function(octet_header_only name dependency)
    add_library(${name} INTERFACE)
    target_include_directories(${name} SYSTEM INTERFACE $<TARGET_PROPERTY:${dependency},INTERFACE_INCLUDE_DIRECTORIES>)
    target_compile_definitions(${name} INTERFACE $<TARGET_PROPERTY:${dependency},INTERFACE_COMPILE_DEFINITIONS>)
endfunction()

add_library(octet_fmt INTERFACE)
target_include_directories(octet_fmt SYSTEM INTERFACE $<TARGET_PROPERTY:fmt::fmt,INTERFACE_INCLUDE_DIRECTORIES>)
if(fmt_VERSION VERSION_GREATER_EQUAL 11)  # unknown where it is fetched: that one is known
    target_compile_definitions(octet_fmt INTERFACE FMT_HEADER_ONLY=1)  # src/base/fmt_library.cpp is written for 9 and 10
endif()
octet_header_only(octet_json nlohmann_json::nlohmann_json)
octet_header_only(octet_cli11 CLI11::CLI11)
octet_header_only(octet_xsimd xsimd)
add_library(octet_xxhash INTERFACE)
target_include_directories(octet_xxhash SYSTEM INTERFACE "${OCTET_XXHASH_INCLUDE_DIR}")

# The tokenizers. Debian's packages bring no CMake files for either; what is fetched is linked statically.
find_path(OCTET_PCRE2_INCLUDE_DIR pcre2.h)
find_library(OCTET_PCRE2_LIBRARY NAMES libpcre2-8.a pcre2-8)  # static: a shared one is loaded at every start
add_library(octet_pcre2 INTERFACE)
if(NOT OCTET_PCRE2_INCLUDE_DIR OR NOT OCTET_PCRE2_LIBRARY OR FETCHCONTENT_TRY_FIND_PACKAGE_MODE STREQUAL "NEVER")
    enable_language(C)
    set(PCRE2_BUILD_TESTS OFF)
    set(PCRE2_BUILD_PCRE2GREP OFF)
    set(PCRE2_SUPPORT_JIT ON)
    FetchContent_Declare(pcre2
        URL https://github.com/PCRE2Project/pcre2/releases/download/pcre2-10.42/pcre2-10.42.tar.bz2
        URL_HASH SHA256=8d36cd8cb6ea2a4c2bb358ff6411b0c788633a2a45dabbf1aeb4b701d1b5e840)
    FetchContent_MakeAvailable(pcre2)
    target_link_libraries(octet_pcre2 INTERFACE pcre2-8-static)
    target_include_directories(octet_pcre2 SYSTEM INTERFACE "${pcre2_BINARY_DIR}")
    target_compile_definitions(octet_pcre2 INTERFACE PCRE2_STATIC)
else()
    target_link_libraries(octet_pcre2 INTERFACE "${OCTET_PCRE2_LIBRARY}")
    target_include_directories(octet_pcre2 SYSTEM INTERFACE "${OCTET_PCRE2_INCLUDE_DIR}")
endif()

if(PROJECT_IS_TOP_LEVEL AND BUILD_TESTING)
    # No version: the package of Catch2 2 refuses to be asked for 3 and the other way round; the tests take both.
    FetchContent_Declare(Catch2
        URL https://github.com/catchorg/Catch2/archive/v3.6.0.tar.gz
        URL_HASH SHA256=485932259a75c7c6b72d4b874242c489ea5155d17efa345eb8cc72159f49f356
        FIND_PACKAGE_ARGS)
    FetchContent_MakeAvailable(Catch2)
    if(Catch2_DIR)
        list(APPEND CMAKE_MODULE_PATH "${Catch2_DIR}")
    else()
        list(APPEND CMAKE_MODULE_PATH "${catch2_SOURCE_DIR}/extras")
    endif()
    find_package(Python3 3.9 COMPONENTS Interpreter REQUIRED)
endif()
