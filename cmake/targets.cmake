# One place for what every target has in common, so that a folder's CMakeLists.txt names only its sources and what it
# may see.

set(CLUSTERAGENT_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
                          -Wold-style-cast -Woverloaded-virtual -Wcast-align -Wnull-dereference -Wduplicated-cond)
# g++ 12 reports null dereferences inside the standard library and Boost when it inlines at -O2; ours are found by the
# sanitizers and by clang-tidy.
list(REMOVE_ITEM CLUSTERAGENT_WARNINGS -Wnull-dereference)

function(clusteragent_options target)
  target_compile_options(${target} PRIVATE ${CLUSTERAGENT_WARNINGS})
  if(CLUSTERAGENT_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(CLUSTERAGENT_SANITIZE)
    # g++'s manual: with sanitizers -Wmaybe-uninitialized reports what is not there; the release build keeps it.
    target_compile_options(${target} PRIVATE -fsanitize=${CLUSTERAGENT_SANITIZE} -fno-omit-frame-pointer
                                             -Wno-maybe-uninitialized)
    target_link_options(${target} PRIVATE -fsanitize=${CLUSTERAGENT_SANITIZE})
  endif()
  if(CLUSTERAGENT_COVERAGE)
    target_compile_options(${target} PRIVATE --coverage)
    target_link_options(${target} PRIVATE --coverage)
  endif()
endfunction()

# A folder of agent/: static library clusteragent_<name>. USES lists the other libraries it may see; what is not listed
# cannot be linked, and tests/tidy holds the includes to the same law.
function(clusteragent_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES" ${ARGN})
  add_library(clusteragent_${name} STATIC ${arg_SOURCES})
  target_include_directories(clusteragent_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(clusteragent_${name} PUBLIC ${arg_USES})
  clusteragent_options(clusteragent_${name})
endfunction()

# A GoogleTest binary; every TEST becomes a ctest entry with the given label.
# What the tests of a label need, to be built alone: cmake --build ... --target tests_<label>
function(clusteragent_needed_by label)
  if(NOT TARGET tests_${label})
    add_custom_target(tests_${label})
  endif()
  add_dependencies(tests_${label} ${ARGN})
endfunction()

function(clusteragent_test name)
  cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "SOURCES;USES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_USES} GTest::gmock GTest::gtest_main)
  clusteragent_options(${name})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  # Integration tests measure what the kernel does in milliseconds: alone, or they measure each other.
  set(serial FALSE)
  if(arg_LABEL STREQUAL "integration")
    set(serial TRUE)
  endif()
  clusteragent_needed_by(${arg_LABEL} ${name})
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60
                       PROPERTIES LABELS "${arg_LABEL}" TIMEOUT ${arg_TIMEOUT} RUN_SERIAL ${serial})
endfunction()
