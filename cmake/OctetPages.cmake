# Manual pages and completions, made at build time by octet_pages from the tables of commands and options in src/cli. Where octet is
# built for another machine and nothing can run its programs, there are none.
include_guard(GLOBAL)

set(octet_pages_dir "${CMAKE_CURRENT_BINARY_DIR}/pages")
set(octet_pages "")
set(octet_manuals "${octet_pages_dir}/octet.1")
file(GLOB octet_command_sources CONFIGURE_DEPENDS src/cli/*_command.cpp)  # a file a command
foreach(source IN LISTS octet_command_sources)
    get_filename_component(command "${source}" NAME_WE)
    string(REPLACE "_command" "" command "${command}")
    list(APPEND octet_manuals "${octet_pages_dir}/octet-${command}.1")
endforeach()

if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
    message(STATUS "octet: no manual pages and completions, their maker cannot run here")
    return()
endif()

file(GLOB octet_pages_sources CONFIGURE_DEPENDS src/cli/pages/*.cpp)
add_executable(octet_pages ${octet_pages_sources})
octet_settings(octet_pages)
target_link_libraries(octet_pages PRIVATE octet_cli_lib octet_fmt)

string(TIMESTAMP octet_pages_date "%Y-%m-%d" UTC)  # that of SOURCE_DATE_EPOCH where it is set
set(octet_pages ${octet_manuals} "${octet_pages_dir}/octet.bash" "${octet_pages_dir}/_octet" "${octet_pages_dir}/octet.fish")
add_custom_command(OUTPUT ${octet_pages}
    COMMAND octet_pages "${octet_pages_dir}" "${octet_pages_date}"
    DEPENDS octet_pages
    VERBATIM)
add_custom_target(octet_all_pages ALL DEPENDS ${octet_pages})
