#pragma once
// MPI as values: the session, a communicator, and the few collectives on host data that the project needs.
// Without mpirun everything works as one rank.

#include "base/hash.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::dist {

// A communicator of our own (a duplicate). Every member function below is collective unless it says otherwise: all
// ranks call it, in the same order. A failing MPI call throws Error(kInternal) with MPI's own text.
class Comm {
  public:
    // Not collective.
    int rank() const;
    int size() const;
    bool is_root() const { return rank() == 0; }

    void barrier(std::string_view what = "barrier") const;
    // `data` has the root's content on every rank afterwards; sizes may differ before.
    void broadcast(std::string& data, int root = 0) const;
    void broadcast(std::span<std::byte> data, int root = 0) const;
    // Everybody's string, by rank, on every rank.
    std::vector<std::string> all_gather(std::string_view mine) const;
    // Elementwise; the order of summation is MPI's, so use it where bits do not matter (counts, times).
    void all_reduce_sum(std::span<double> values) const;
    void all_reduce_sum(std::span<std::int64_t> values) const;
    std::int64_t all_reduce_max(std::int64_t value) const;
    bool all_reduce_or(bool value) const;
    // values[i] of the one rank that owns i (everywhere else 0) → full vector on every rank; bits are kept.
    void merge_owned(std::span<double> values) const;

    // Ranks on this node (shared memory) as a communicator of their own.
    Comm split_node() const;

    // The MPI_Comm, for dist and store only.
    struct Impl;
    const Impl& impl() const { return *impl_; }
    explicit Comm(std::shared_ptr<Impl> impl);

  private:
    std::shared_ptr<Impl> impl_;
};

// MPI_Init_thread … MPI_Finalize. Finalises only on the normal path: a rank that unwinds with an exception must not
// (the others would wait for ever), it aborts the job instead, see run_guarded.
class Session {
  public:
    Session(int* argc, char*** argv);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    const Comm& world() const { return world_; }

  private:
    Comm world_;
};

}  // namespace nepenthe::dist
