# Where Debian expects each file. The guard installs itself (agent/fence).
install(TARGETS clusteragent DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(PROGRAMS scripts/shim/safekit DESTINATION lib/clusteragent/safe)
install(DIRECTORY scripts/lib/ DESTINATION lib/clusteragent/lib)
install(DIRECTORY modules DESTINATION ${CMAKE_INSTALL_DATADIR}/clusteragent USE_SOURCE_PERMISSIONS)
install(FILES packaging/systemd/clusteragent@.service DESTINATION lib/systemd/system)
install(FILES packaging/systemd/clusteragent.sysusers DESTINATION lib/sysusers.d RENAME clusteragent.conf)
install(FILES packaging/man/clusteragent.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES packaging/completion/clusteragent DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES README.md CHANGELOG.md LICENSE SECURITY.md userconfig/reference.md userconfig/example-mirror.xml
              userconfig/example-two-networks.xml userconfig/example-cluster.xml
        DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
