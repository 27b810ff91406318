# octet_kernels: the SIMD loops, one object file an instruction set, chosen at run time by dispatch.cpp.
#
# - ISA flags belong to single files, so that nothing else is ever compiled for a newer CPU than the baseline.
# - -O3 in every configuration, Debug and sanitizers included: with less, inline functions of xsimd and of the standard
#   library stay behind as weak symbols, and the linker may keep the AVX2 copy of one for everybody. The test
#   house.kernels_export_no_weak_symbols watches that.
# - No exceptions and no IPO for the same reason.
include_guard(GLOBAL)

file(GLOB octet_kernel_files CONFIGURE_DEPENDS RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}" src/kernels/*.cpp src/kernels/ggml/*.cpp)
set(octet_isa_files ${octet_kernel_files})
list(FILTER octet_isa_files INCLUDE REGEX "/(kernels|products|blocks)_[a-z0-9]+\\.cpp$")
list(REMOVE_ITEM octet_kernel_files ${octet_isa_files})

add_library(octet_kernels OBJECT ${octet_kernel_files})
octet_settings(octet_kernels)
target_include_directories(octet_kernels PRIVATE src include)
target_link_libraries(octet_kernels PRIVATE octet_xsimd octet_xxhash)
target_compile_options(octet_kernels PRIVATE -O3 -fno-exceptions)
set_target_properties(octet_kernels PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF)

# octet_kernel(isa [flags...]): adds src/kernels/kernels_<isa>.cpp, products_<isa>.cpp and ggml/blocks_<isa>.cpp where they exist
# and tells the three files that choose among them.
function(octet_kernel isa)
    if(NOT "src/kernels/kernels_${isa}.cpp" IN_LIST octet_isa_files)
        return()
    endif()
    set(files "src/kernels/kernels_${isa}.cpp" "src/kernels/products_${isa}.cpp" "src/kernels/ggml/blocks_${isa}.cpp")
    target_sources(octet_kernels PRIVATE ${files})
    set_source_files_properties(${files} PROPERTIES COMPILE_OPTIONS "${ARGN}")
    string(TOUPPER "${isa}" upper)
    set_property(SOURCE src/kernels/dispatch.cpp src/kernels/product_dispatch.cpp
            src/kernels/ggml/loop_dispatch.cpp
        APPEND PROPERTY COMPILE_DEFINITIONS OCTET_HAVE_${upper}=1)
    set_property(GLOBAL APPEND PROPERTY octet_isas ${isa})
endfunction()

octet_kernel(scalar)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64|i[3-6]86)$")
    octet_kernel(sse2 -msse2)
    octet_kernel(avx2 -mavx2 -mfma -mf16c)
    if(OCTET_AVX512)
        set(octet_avx512_flags -mavx512f -mavx512cd -mavx512dq -mavx512bw -mavx2 -mfma -mf16c)
        if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
            list(APPEND octet_avx512_flags -Wno-maybe-uninitialized -Wno-uninitialized)  # false alarms from GCC's own avx512 headers
        endif()
        octet_kernel(avx512 ${octet_avx512_flags})
    endif()
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    octet_kernel(neon64)
endif()

get_property(octet_isas GLOBAL PROPERTY octet_isas)
message(STATUS "octet: kernels for ${octet_isas}")
