// Linked in where a sanitizer is, so that findings in Open MPI can be told from ours: its components stay loaded, and
// leaks are looked for before MPI_Finalize. Otherwise frames have lost their names when they are reported.

#include <mpi.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

extern "C" int dlclose(void*) noexcept { return 0; }

extern "C" int MPI_Finalize() {
#ifdef __SANITIZE_ADDRESS__
    __lsan_do_leak_check();  // the one at exit is then left out
#endif
    return PMPI_Finalize();
}
