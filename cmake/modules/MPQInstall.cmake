# Headers and the CMake package: find_package(MPQ) gives the target MPQ::MPQ.

include(CMakePackageConfigHelpers)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ ${PROJECT_BINARY_DIR}/include/
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT mpq-headers
  FILES_MATCHING PATTERN "*.h" PATTERN "*.td" PATTERN "*.inc" PATTERN "CMakeFiles" EXCLUDE)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/mpq)
install(EXPORT MPQTargets NAMESPACE MPQ:: DESTINATION ${package})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/modules/MPQConfig.cmake.in
  ${PROJECT_BINARY_DIR}/MPQConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/MPQConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/MPQConfig.cmake ${PROJECT_BINARY_DIR}/MPQConfigVersion.cmake
  ${PROJECT_SOURCE_DIR}/cmake/modules/MPQFindMLIR.cmake DESTINATION ${package})
