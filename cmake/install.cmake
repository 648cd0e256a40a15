# Where Debian expects each file:
#
#   cmake --install build/release --prefix /usr          (DESTDIR is honoured)
#
# The program's own paths are fixed (/etc, /run, /var; see clusteragent(8)); the prefix moves what is only read.
set(lib_dir lib/clusteragent)  # not multiarch: these are programs' helpers, not libraries

if(TARGET clusteragent)
  install(TARGETS clusteragent DESTINATION ${CMAKE_INSTALL_SBINDIR})
endif()
# Beside no other program: only the agent starts it.
if(TARGET clusteragent-mysql)
  install(TARGETS clusteragent-mysql DESTINATION ${lib_dir})
endif()
if(EXISTS ${PROJECT_SOURCE_DIR}/scripts/shim/safekit)
  install(PROGRAMS scripts/shim/safekit DESTINATION ${lib_dir}/safe)
endif()
if(EXISTS ${PROJECT_SOURCE_DIR}/scripts/lib)
  install(DIRECTORY scripts/lib/ DESTINATION ${lib_dir}/lib)
endif()
if(EXISTS ${PROJECT_SOURCE_DIR}/modules)
  install(DIRECTORY modules/ DESTINATION share/clusteragent/modules USE_SOURCE_PERMISSIONS
          PATTERN "CMakeLists.txt" EXCLUDE PATTERN "src" EXCLUDE PATTERN "engine" EXCLUDE)
endif()

install(FILES packaging/sysusers/clusteragent.conf DESTINATION lib/sysusers.d)
install(FILES packaging/tmpfiles/clusteragent.conf DESTINATION lib/tmpfiles.d)
install(FILES packaging/completion/clusteragent DESTINATION share/bash-completion/completions)
install(FILES packaging/man/clusteragent.8 DESTINATION share/man/man8)
install(FILES packaging/man/clusteragent-userconfig.5 DESTINATION share/man/man5)

foreach(file README.md CHANGELOG.md SECURITY.md userconfig/reference.md)
  if(EXISTS ${PROJECT_SOURCE_DIR}/${file})
    install(FILES ${file} DESTINATION share/doc/clusteragent)
  endif()
endforeach()
file(GLOB pages ${PROJECT_SOURCE_DIR}/docs/*.md)
file(GLOB examples ${PROJECT_SOURCE_DIR}/userconfig/*.xml)
install(FILES ${pages} DESTINATION share/doc/clusteragent)
install(DIRECTORY docs/decisions DESTINATION share/doc/clusteragent)
install(FILES ${examples} DESTINATION share/doc/clusteragent/examples)
install(FILES LICENSE DESTINATION share/doc/clusteragent RENAME copyright)

install(DIRECTORY packaging/systemd/clusteragent@mysql_replication.service.d DESTINATION lib/systemd/system)

# The prefix is known only now: the units name the program where it really is. With another prefix than /usr the empty
# configuration directories go below it as well, so that a trial installation touches nothing else.
install(CODE "set(units \"${PROJECT_SOURCE_DIR}/packaging/systemd\")")
install(CODE [[
  set(unit_dir "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/lib/systemd/system")
  file(MAKE_DIRECTORY "${unit_dir}")
  foreach(unit clusteragent@.service clusteragent-witness.service)
    file(READ "${units}/${unit}" text)
    string(REPLACE "/usr/sbin/" "${CMAKE_INSTALL_PREFIX}/sbin/" text "${text}")
    message(STATUS "Installing: ${unit_dir}/${unit}")
    file(WRITE "${unit_dir}/${unit}" "${text}")
    file(CHMOD "${unit_dir}/${unit}" PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
  endforeach()
  if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    set(etc_dir "$ENV{DESTDIR}/etc/clusteragent")
  else()
    set(etc_dir "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/etc/clusteragent")
  endif()
  file(MAKE_DIRECTORY "${etc_dir}/modules" "${etc_dir}/witness.d")
  file(CHMOD "${etc_dir}/witness.d" PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
]])
