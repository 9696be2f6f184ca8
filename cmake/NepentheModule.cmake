# One function a module: its sources are the .cpp files below its folder.

add_library(nepenthe_flags INTERFACE)
target_compile_options(nepenthe_flags INTERFACE -Wall -Wextra -Wshadow -Wconversion
                       $<$<BOOL:${NEPENTHE_WERROR}>:-Werror>)
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC takes a source in a batch for a header, in which members of unnamed types would indeed be wrong.
  target_compile_options(nepenthe_flags INTERFACE -Wno-subobject-linkage)
endif()
# Contracted multiply-adds would make a number depend on what the compiler inlined.
target_compile_options(nepenthe_flags INTERFACE -ffp-contract=off)
# Nobody reads errno or the floating-point exception flags after arithmetic; keeping them up to date would forbid
# vector square roots and selects. Values are not touched.
target_compile_options(nepenthe_flags INTERFACE -fno-math-errno -fno-trapping-math)
target_compile_definitions(nepenthe_flags INTERFACE
  NEPENTHE_VERSION="${PROJECT_VERSION}" $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
target_include_directories(nepenthe_flags INTERFACE "${CMAKE_SOURCE_DIR}/src")
if(NEPENTHE_SANITIZE)
  list(JOIN NEPENTHE_SANITIZE "," sanitizers)
  target_compile_options(nepenthe_flags INTERFACE -fsanitize=${sanitizers} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(nepenthe_flags INTERFACE -fsanitize=${sanitizers})
endif()
if(NEPENTHE_FUZZ)
  # libFuzzer steers by what the modules under test execute.
  target_compile_options(nepenthe_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(nepenthe_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # ccache reuses objects built with a precompiled header only when told that this is fine.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE_PROGRAM})
endif()

# The headers of torch, JSON and fmt cost eleven seconds a file; they are parsed once, here, and reused by every module
# with torch.
file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/torch_pch.cpp" CONTENT "// Carries the precompiled torch headers.\n")
# at::parallel_for runs on one thread in code that is compiled without OpenMP.
find_package(OpenMP REQUIRED COMPONENTS CXX)
add_library(nepenthe_torch_pch OBJECT "${CMAKE_BINARY_DIR}/torch_pch.cpp")
# With the definitions of all that it holds: GCC takes it for files with the same ones only.
target_link_libraries(nepenthe_torch_pch PUBLIC nepenthe_flags libtorch OpenMP::OpenMP_CXX
                      fmt::fmt nlohmann_json::nlohmann_json)
target_compile_options(nepenthe_torch_pch PRIVATE -fPIC $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
target_precompile_headers(nepenthe_torch_pch PRIVATE
  <torch/types.h> <torch/csrc/autograd/custom_function.h> <fmt/format.h> <nlohmann/json.hpp>
  <string> <vector> <map> <memory>)

function(nepenthe_use_torch target)
  target_link_libraries(${target} PUBLIC libtorch OpenMP::OpenMP_CXX)
  target_compile_options(${target} PRIVATE -fPIC $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  target_precompile_headers(${target} REUSE_FROM nepenthe_torch_pch)
endfunction()

function(nepenthe_module name)
  cmake_parse_arguments(arg "TORCH" "" "USES;LINKS;LINKS_PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/${name}/*.cpp")
  if(NOT sources)
    add_library(nepenthe_${name} INTERFACE)
    set(scope INTERFACE)
  else()
    add_library(nepenthe_${name} STATIC ${sources})
    set_target_properties(nepenthe_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    set(scope PUBLIC)
    target_link_libraries(nepenthe_${name} PRIVATE ${arg_LINKS_PRIVATE})
    if(arg_TORCH)
      nepenthe_use_torch(nepenthe_${name})
    endif()
  endif()
  list(TRANSFORM arg_USES PREPEND nepenthe_)
  target_link_libraries(nepenthe_${name} ${scope} nepenthe_flags ${arg_USES} ${arg_LINKS})
  add_library(nepenthe::${name} ALIAS nepenthe_${name})
endfunction()
