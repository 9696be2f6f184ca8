#include "store/blocks.h"

#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/progress.h"
#include "dist/activity.h"
#include "dist/guard.h"
#include "io/file.h"
#include "store/block_notices.h"
#include "store/journal.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <numeric>
#include <optional>
#include <queue>

namespace nepenthe::store {

namespace fs = std::filesystem;

namespace {

std::string pack(const std::vector<BlockEntry>& entries) {
    return {reinterpret_cast<const char*>(entries.data()), entries.size() * sizeof(BlockEntry)};
}

std::vector<BlockEntry> unpack(std::string_view text) {
    std::vector<BlockEntry> entries(text.size() / sizeof(BlockEntry));
    if (!entries.empty()) std::memcpy(entries.data(), text.data(), text.size());
    return entries;
}

// Collective. Entries of all ranks, joined.
std::vector<BlockEntry> gather(const dist::Comm& comm, const std::vector<BlockEntry>& mine) {
    std::vector<BlockEntry> all;
    for (const std::string& part : comm.all_gather(pack(mine))) {
        const auto entries = unpack(part);
        all.insert(all.end(), entries.begin(), entries.end());
    }
    return all;
}

// Collective. What earlier runs finished, each block read and checked by one rank.
JournalScan find_finished(const dist::Comm& comm, const fs::path& folder, std::uint64_t n_blocks,
                          const BlockOptions& options) {
    JournalScan scan;
    std::string packed;
    dist::run_agreed(comm, options.label, [&] {
        if (!comm.is_root()) return;
        fs::create_directories(folder);
        scan = scan_journals(folder, n_blocks, options.key_digest);
        packed = pack(scan.entries);
    });
    comm.broadcast(packed);
    comm.broadcast(std::as_writable_bytes(std::span(&scan.last_generation, 1)));
    std::vector<BlockEntry> intact;
    dist::run_agreed(comm, options.label, [&] {
        const auto claimed = unpack(packed);
        const PartFiles parts(folder);
        for (std::size_t i = static_cast<std::size_t>(comm.rank()); i < claimed.size();
             i += static_cast<std::size_t>(comm.size())) {
            if (parts.is_intact(claimed[i])) {
                intact.push_back(claimed[i]);
            } else {
                log_warning("block {} in {} is damaged and is computed again", claimed[i].block,
                            part_path(folder, claimed[i].part).string());
            }
        }
    });
    scan.entries = gather(comm, intact);
    return scan;
}

// The blocks that this rank still has to compute, by id.
std::vector<std::uint64_t> missing_of_rank(const dist::Comm& comm, std::uint64_t n_blocks, const BlockOptions& options,
                                           const std::vector<BlockEntry>& finished) {
    std::vector<bool> done(n_blocks);
    for (const BlockEntry& entry : finished) done[entry.block] = true;
    std::vector<std::uint64_t> missing;
    std::vector<double> costs;
    for (std::uint64_t block = 0; block < n_blocks; ++block) {
        if (done[block]) continue;
        missing.push_back(block);
        costs.push_back(options.costs.empty() ? 1.0 : options.costs[block]);
    }
    const std::vector<int> owners = deal_blocks(costs, comm.size());
    std::vector<std::uint64_t> mine;
    for (std::size_t i = 0; i < missing.size(); ++i) {
        if (owners[i] == comm.rank()) mine.push_back(missing[i]);
    }
    return mine;
}

// Where finished blocks of this rank go.
class BlockSink {
  public:
    virtual ~BlockSink() = default;
    virtual void append(std::uint64_t block, const std::string& bytes) = 0;
    virtual void sync() {}
    virtual std::size_t finished() const = 0;
};

// Into a part file and its journal.
class JournalSink : public BlockSink {
  public:
    explicit JournalSink(std::function<JournalWriter()> open) : open_(std::move(open)) {}
    void append(std::uint64_t block, const std::string& bytes) override {
        if (!journal_) journal_.emplace(open_());
        entries_.push_back(journal_->append(block, bytes));
    }
    void sync() override {
        if (journal_) journal_->sync();
    }
    std::size_t finished() const override { return entries_.size(); }
    const std::vector<BlockEntry>& entries() const { return entries_; }

  private:
    std::function<JournalWriter()> open_;
    std::optional<JournalWriter> journal_;
    std::vector<BlockEntry> entries_;
};

// Into memory, for stages too short to be worth a journal.
class MemorySink : public BlockSink {
  public:
    void append(std::uint64_t block, const std::string& bytes) override { blocks_.emplace_back(block, bytes); }
    std::size_t finished() const override { return blocks_.size(); }

    // Collective. Every rank's blocks, by id.
    std::vector<std::string> gather(const dist::Comm& comm, std::uint64_t n_blocks) const {
        std::string packed;
        for (const auto& [block, bytes] : blocks_) {
            const std::array<std::uint64_t, 2> head{block, bytes.size()};
            packed.append(reinterpret_cast<const char*>(head.data()), sizeof(head));
            packed += bytes;
        }
        std::vector<std::string> all(n_blocks);
        for (const std::string& part : comm.all_gather(packed)) {
            for (std::size_t at = 0; at < part.size();) {
                std::array<std::uint64_t, 2> head{};
                std::memcpy(head.data(), part.data() + at, sizeof(head));
                at += sizeof(head);
                all[head[0]] = part.substr(at, head[1]);
                at += head[1];
            }
        }
        return all;
    }

  private:
    std::vector<std::pair<std::uint64_t, std::string>> blocks_;
};

// Computes `blocks` until done, asked to stop, or failed. What is finished is in the sink, and durable, when it
// returns.
void compute_blocks(const dist::Comm& comm, const std::vector<std::uint64_t>& blocks, const BlockOptions& options,
                    const std::function<std::string(std::uint64_t)>& compute, BlockNotices& notices, BlockSink& sink) {
    using Clock = std::chrono::steady_clock;
    auto last_sync = Clock::now();
    for (const std::uint64_t block : blocks) {
        if (dist::stop_requested()) notices.ask_to_stop();
        if (notices.poll()) break;
        try {
            const dist::ActivityScope scope(comm, fmt::format("{} block {}", options.label, block),
                                            dist::ActivityKind::kOwnWork);
            fault_point("blocks.before");
            const std::string bytes = compute(block);
            sink.append(block, bytes);
        } catch (...) {
            const std::exception_ptr cause = std::current_exception();
            try {
                sink.sync();
            } catch (const Error&) {
                // The cause says more than that saving failed as well; what is not saved is computed again.
            }
            throw dist::to_error(cause).with_context(fmt::format("block {}", block));
        }
        notices.report_progress(sink.finished());
        if (std::chrono::duration<double>(Clock::now() - last_sync).count() >= options.sync_seconds) {
            sink.sync();
            last_sync = Clock::now();
        }
    }
    sink.sync();
}

}  // namespace

std::vector<int> deal_blocks(std::span<const double> costs, int ranks) {
    NEPENTHE_CHECK(ranks > 0);
    std::vector<std::size_t> order(costs.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return costs[a] > costs[b]; });
    using Load = std::pair<double, int>;
    std::priority_queue<Load, std::vector<Load>, std::greater<>> loads;
    for (int rank = 0; rank < ranks; ++rank) loads.emplace(0.0, rank);
    std::vector<int> owners(costs.size());
    for (const std::size_t i : order) {
        const auto [load, rank] = loads.top();
        loads.pop();
        owners[i] = rank;
        loads.emplace(load + costs[i], rank);
    }
    return owners;
}

struct BlockResults::Impl {
    Impl(fs::path where, std::uint64_t n_blocks) : folder(std::move(where)), parts(folder), entries(n_blocks) {}

    fs::path folder;
    PartFiles parts;
    std::vector<BlockEntry> entries;  // index = block
    std::vector<std::string> memory;  // index = block, where there is no folder
};

BlockResults::BlockResults(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

std::uint64_t BlockResults::size() const { return impl_->entries.size(); }

std::string BlockResults::read(std::uint64_t block) const {
    NEPENTHE_CHECK(block < size());
    if (impl_->folder.empty()) return impl_->memory[block];
    const BlockEntry& entry = impl_->entries[block];
    auto bytes = impl_->parts.read(entry);
    if (!bytes) {
        fail(ErrorKind::kData, "block {} in {} was altered; start the same command again, it is computed anew", block,
             part_path(impl_->folder, entry.part).string());
    }
    return std::move(*bytes);
}

BlockResults for_each_block(const dist::Comm& comm, const fs::path& folder, std::uint64_t n_blocks,
                            const BlockOptions& options,
                            const std::function<std::string(std::uint64_t block)>& compute) {
    NEPENTHE_CHECK(options.costs.empty() || options.costs.size() == n_blocks);
    const dist::StageScope stage(options.label);
    const bool in_memory = folder.empty();
    JournalScan scan = in_memory ? JournalScan{} : find_finished(comm, folder, n_blocks, options);
    std::vector<BlockEntry>& finished = scan.entries;
    const auto mine = missing_of_rank(comm, n_blocks, options, finished);

    JournalSink journal([&] {
        const PartId part{scan.last_generation + 1, static_cast<std::uint32_t>(comm.rank())};
        return JournalWriter(folder, part, n_blocks, options.key_digest);
    });
    MemorySink memory;
    BlockSink& sink = in_memory ? static_cast<BlockSink&>(memory) : journal;
    std::exception_ptr failure;
    BlockNotices::Verdict verdict;
    {
        Progress progress(options.label, options.unit, n_blocks, comm.is_root(), finished.size());
        BlockNotices notices(comm, progress, finished.size());
        try {
            compute_blocks(comm, mine, options, compute, notices, sink);
            fault_point("blocks.before_agreement");
        } catch (...) {
            failure = std::current_exception();
            notices.ask_to_stop();
        }
        bool arrived = false;
        verdict = notices.agree(sink.finished(), failure != nullptr, arrived);
        if (!arrived) std::rethrow_exception(failure);
    }
    if (verdict.failed) dist::agree(comm, options.label, failure);
    if (finished.size() + verdict.done < n_blocks) {
        fail(ErrorKind::kResume, "{}: stopped with {} of {} {} done{}; start the same command again to continue",
             options.label, finished.size() + verdict.done, n_blocks, options.unit, in_memory ? "" : " and saved");
    }
    auto results = std::make_shared<BlockResults::Impl>(folder, n_blocks);
    if (in_memory) {
        results->memory = memory.gather(comm, n_blocks);
        return BlockResults(std::move(results));
    }
    for (const BlockEntry& entry : gather(comm, journal.entries())) finished.push_back(entry);
    for (const BlockEntry& entry : finished) results->entries[entry.block] = entry;
    return BlockResults(std::move(results));
}

}  // namespace nepenthe::store
