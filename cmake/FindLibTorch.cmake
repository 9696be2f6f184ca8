# libtorch and NCCL as imported targets, taken from the PyPI wheel `torch` or from an unpacked libtorch.
#
# The wheel's own find_package(Torch) asks for nvcc and a CUDA architecture even though a program that only
# links against it needs neither, so the targets are written out here.
#   LibTorch_ROOT   folder that holds include/ and lib/ (of a wheel: site-packages/torch)
# Targets: libtorch (its half for hosts) and nccl.

set(LibTorch_VENV "$ENV{NEPENTHE_DEPS}")
if(NOT LibTorch_VENV)
  set(LibTorch_VENV "$ENV{HOME}/.local/share/nepenthe")
endif()
file(GLOB LibTorch_wheels "${LibTorch_VENV}/venv/lib/python3*/site-packages/torch")
find_path(LibTorch_INCLUDE_DIR ATen/core/Tensor.h
          HINTS ${LibTorch_ROOT} $ENV{LibTorch_ROOT} ${LibTorch_wheels} PATH_SUFFIXES include)
if(LibTorch_INCLUDE_DIR)
  get_filename_component(LibTorch_home "${LibTorch_INCLUDE_DIR}" DIRECTORY)
  set(LibTorch_LIBRARY_DIR "${LibTorch_home}/lib")
  get_filename_component(LibTorch_site "${LibTorch_home}" DIRECTORY)
endif()
set(LibTorch_MESSAGE "(pip install torch==2.11.0 into ${LibTorch_VENV}/venv, or -DLibTorch_ROOT=/path/to/libtorch)")

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch REQUIRED_VARS LibTorch_INCLUDE_DIR)
if(NOT LibTorch_FOUND)
  return()
endif()

add_library(libtorch INTERFACE IMPORTED GLOBAL)
# The wheel's headers bring another fmt than the one that is linked. Ours stands before it: two of them in one program
# would mean one that is compiled into every file (FMT_HEADER_ONLY), at three seconds each.
if(TARGET fmt::fmt)
  get_target_property(LibTorch_fmt fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
endif()
find_path(fmt_INCLUDE_DIR fmt/format.h HINTS ${LibTorch_fmt})
file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/fmt_first")
file(CREATE_LINK "${fmt_INCLUDE_DIR}/fmt" "${CMAKE_BINARY_DIR}/fmt_first/fmt" SYMBOLIC)
target_include_directories(libtorch SYSTEM INTERFACE
  "${CMAKE_BINARY_DIR}/fmt_first" "${LibTorch_INCLUDE_DIR}" "${LibTorch_INCLUDE_DIR}/torch/csrc/api/include")
# One of the wheel's libraries exports parts of std::filesystem that do not work outside it (remove_all jumps to
# address 0). The loader takes a symbol from the first library that has it, so the real one must come first.
target_link_libraries(libtorch INTERFACE "-Wl,--no-as-needed,-lstdc++")
# Not libtorch.so, which has nothing but the wish for both halves: src/model/device.cpp loads CUDA's where it is asked for.
foreach(name IN ITEMS torch_cpu c10)
  target_link_libraries(libtorch INTERFACE "-Wl,--no-as-needed,${LibTorch_LIBRARY_DIR}/lib${name}.so")
endforeach()
file(GLOB LibTorch_nvidia_dirs "${LibTorch_site}/nvidia/*/lib")
foreach(dir IN LISTS LibTorch_nvidia_dirs)
  target_link_options(libtorch INTERFACE "-Wl,-rpath-link,${dir}")
endforeach()
target_link_options(libtorch INTERFACE "-Wl,-rpath,${LibTorch_LIBRARY_DIR}")

# NCCL lies beside the wheel's torch; without it --device cuda is refused at run time, never at build time.
find_path(NCCL_INCLUDE_DIR nccl.h HINTS "${LibTorch_site}/nvidia/nccl/include" ${NCCL_ROOT}/include)
find_library(NCCL_LIBRARY NAMES libnccl.so.2 nccl HINTS "${LibTorch_site}/nvidia/nccl/lib" ${NCCL_ROOT}/lib)
find_path(CUDA_RUNTIME_INCLUDE_DIR cuda_runtime_api.h HINTS "${LibTorch_site}/nvidia/cu13/include"
          "${LibTorch_site}/nvidia/cuda_runtime/include" ${CUDA_HOME}/include $ENV{CUDA_HOME}/include)
file(GLOB LibTorch_cudart "${LibTorch_site}/nvidia/cu13/lib/libcudart.so.*"
                          "${LibTorch_site}/nvidia/cuda_runtime/lib/libcudart.so.*")
add_library(nccl INTERFACE IMPORTED GLOBAL)
# These headers include others, of packages that torch's does not ask for (scripts/setup.sh does; a CUDA toolkit has
# them all): whether they are complete, only the compiler knows.
if(NCCL_INCLUDE_DIR AND NCCL_LIBRARY AND CUDA_RUNTIME_INCLUDE_DIR AND LibTorch_cudart)
  include(CheckCXXSourceCompiles)
  set(CMAKE_REQUIRED_INCLUDES "${NCCL_INCLUDE_DIR}" "${CUDA_RUNTIME_INCLUDE_DIR}")
  check_cxx_source_compiles("#include <cuda_runtime_api.h>\n#include <nccl.h>\nint main() { return 0; }"
                            NEPENTHE_NCCL_COMPILES)
  unset(CMAKE_REQUIRED_INCLUDES)
endif()
if(NEPENTHE_NCCL_COMPILES)
  list(GET LibTorch_cudart 0 LibTorch_cudart)
  target_include_directories(nccl SYSTEM INTERFACE "${NCCL_INCLUDE_DIR}" "${CUDA_RUNTIME_INCLUDE_DIR}")
  get_filename_component(nccl_dir "${NCCL_LIBRARY}" DIRECTORY)
  get_filename_component(cudart_dir "${LibTorch_cudart}" DIRECTORY)
  target_link_libraries(nccl INTERFACE "${NCCL_LIBRARY}" "${LibTorch_cudart}")
  target_link_options(nccl INTERFACE "-Wl,-rpath,${nccl_dir}" "-Wl,-rpath,${cudart_dir}")
  target_compile_definitions(nccl INTERFACE NEPENTHE_HAVE_NCCL=1)
else()
  unset(NEPENTHE_NCCL_COMPILES CACHE)  # asked again once something was installed
  message(STATUS "NCCL or CUDA's headers are not complete: this build trains on CPUs alone")
endif()
