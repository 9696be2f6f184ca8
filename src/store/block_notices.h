#pragma once
// Small messages between ranks that work on blocks of their own and must not wait for each other: how far one is, and
// that all should stop. At the end, one agreement that is polled, never waited in.

#include "base/progress.h"
#include "dist/comm.h"

#include <cstdint>
#include <memory>

namespace nepenthe::store {

class BlockNotices {
  public:
    // Collective. `progress` shows what rank 0 hears.
    BlockNotices(const dist::Comm& comm, Progress& progress, std::uint64_t already_done);
    ~BlockNotices();

    // Not collective, never blocks. `mine` blocks are done on this rank.
    void report_progress(std::uint64_t mine);
    // Not collective. Asks all ranks to stop at their next block boundary.
    void ask_to_stop();
    // Not collective. Takes what has arrived; true when anybody asked to stop.
    bool poll();

    struct Verdict {
        std::uint64_t done = 0;  // over all ranks, in this run
        bool failed = false;     // on any rank
    };
    // Collective over the ranks that come. A rank that failed gives up waiting after some seconds and gets `arrived` =
    // false; it must then leave with its own error.
    Verdict agree(std::uint64_t mine, bool failed, bool& arrived);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nepenthe::store
