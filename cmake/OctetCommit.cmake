# octet_commit: what `octet --version --json` calls the commit. Asked of git when the project is configured, and again after each
# commit (git's log of HEAD says when); of cmake/commit.txt, which `git archive` fills in, where there is no git; else "unknown".
# Only src/base/version.cpp gets it, so a commit compiles one file anew.
include_guard(GLOBAL)

set(octet_commit unknown)
find_package(Git QUIET)
set(octet_is_checkout 1)
if(Git_FOUND AND EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/.git")
    execute_process(COMMAND "${GIT_EXECUTABLE}" describe --always --dirty --abbrev=12 --exclude=*
        WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
        OUTPUT_VARIABLE octet_described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE octet_is_checkout)
endif()
if(octet_is_checkout EQUAL 0)
    set(octet_commit "${octet_described}")
    execute_process(COMMAND "${GIT_EXECUTABLE}" rev-parse --git-path logs/HEAD
        WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
        OUTPUT_VARIABLE octet_head_log OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    get_filename_component(octet_head_log "${octet_head_log}" ABSOLUTE)
    if(EXISTS "${octet_head_log}")
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${octet_head_log}")
    endif()
else()
    file(STRINGS "${CMAKE_CURRENT_SOURCE_DIR}/cmake/commit.txt" octet_archived LIMIT_COUNT 1)
    if(octet_archived MATCHES "^([0-9a-f]+) ")
        string(SUBSTRING "${CMAKE_MATCH_1}" 0 12 octet_commit)
    endif()
endif()

get_property(octet_isas GLOBAL PROPERTY octet_isas)
list(JOIN octet_isas "\",\"" octet_isa_names)
set_property(SOURCE src/base/version.cpp APPEND PROPERTY COMPILE_DEFINITIONS
    OCTET_COMMIT="${octet_commit}"
    "OCTET_COMPILER=\"${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}\""
    "OCTET_INSTRUCTION_SETS=\"${octet_isa_names}\"")
