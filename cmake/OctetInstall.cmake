# cmake --install: the binary and its other names, manual pages and completions, the library, its headers, and the package for
# find_package(octet). `--component program` leaves out what only programmers need: what scripts/package.sh packs.
include_guard(GLOBAL)
include(CMakePackageConfigHelpers)

install(TARGETS octet_cli RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT program)
if(OCTET_INSTALL_LINKS)
    foreach(name IN LISTS octet_command_names)
        install(CODE "file(CREATE_LINK octet \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/${name}\" SYMBOLIC)"
            COMPONENT program)
    endforeach()
endif()

if(octet_pages)
    install(FILES ${octet_manuals} DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT program)
    set(octet_bash_dir "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
    install(FILES "${octet_pages_dir}/octet.bash" DESTINATION "${octet_bash_dir}" COMPONENT program RENAME octet)
    install(FILES "${octet_pages_dir}/_octet" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" COMPONENT program)
    install(FILES "${octet_pages_dir}/octet.fish" DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d" COMPONENT program)
    if(OCTET_INSTALL_LINKS)
        # bash looks for a file of the command's name; zsh and the other names need none. man follows `.so`.
        foreach(name IN LISTS octet_command_names)
            file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/man_links/${name}.1" ".so man1/octet-${name}.1\n")
            install(FILES "${CMAKE_CURRENT_BINARY_DIR}/man_links/${name}.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1"
                COMPONENT program)
            install(FILES "${octet_pages_dir}/octet.bash" DESTINATION "${octet_bash_dir}" COMPONENT program RENAME "${name}")
        endforeach()
    endif()
endif()

# The wheel (pyproject.toml, docs/python.md): the program as a script, its pages, and the notices of what is linked into it.
if(SKBUILD)
    install(TARGETS octet_cli RUNTIME DESTINATION "${SKBUILD_SCRIPTS_DIR}" COMPONENT python)
    install(FILES ${octet_manuals} DESTINATION "${SKBUILD_DATA_DIR}/share/man/man1" COMPONENT python)
    install(FILES ${OCTET_NOTICES} DESTINATION "${SKBUILD_METADATA_DIR}/licenses" COMPONENT python)
endif()

install(DIRECTORY share/octet DESTINATION "${CMAKE_INSTALL_DATADIR}" USE_SOURCE_PERMISSIONS COMPONENT program)
install(TARGETS octet EXPORT octet-targets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(DIRECTORY include/octet DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp"
    PATTERN "model.hpp" EXCLUDE)  # of octet_model, which is not installed

set(octet_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/octet")
install(EXPORT octet-targets NAMESPACE octet:: DESTINATION "${octet_package_dir}")
configure_package_config_file(cmake/octet-config.cmake.in "${CMAKE_CURRENT_BINARY_DIR}/octet-config.cmake"
    INSTALL_DESTINATION "${octet_package_dir}")
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/octet-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES
    "${CMAKE_CURRENT_BINARY_DIR}/octet-config.cmake"
    "${CMAKE_CURRENT_BINARY_DIR}/octet-config-version.cmake"
    DESTINATION "${octet_package_dir}")
