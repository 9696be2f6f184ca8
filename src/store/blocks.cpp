#include "store/blocks.h"

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "dist/activity.h"
#include "dist/fault.h"
#include "dist/guard.h"
#include "io/file.h"
#include "store/block_notices.h"
#include "store/journal.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <map>
#include <mutex>
#include <numeric>
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
    const auto claimed = unpack(packed);
    std::vector<BlockEntry> intact;
    for (std::size_t i = static_cast<std::size_t>(comm.rank()); i < claimed.size();
         i += static_cast<std::size_t>(comm.size())) {
        if (entry_is_intact(folder, claimed[i])) {
            intact.push_back(claimed[i]);
        } else {
            log_warning("block {} in {} is damaged and is computed again", claimed[i].block,
                        part_path(folder, claimed[i].part).string());
        }
    }
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

// Computes and journals `blocks` until done, asked to stop, or failed. What is finished is durable when it returns.
void compute_blocks(const dist::Comm& comm, const std::vector<std::uint64_t>& blocks, const BlockOptions& options,
                    const std::function<JournalWriter()>& open_journal,
                    const std::function<std::string(std::uint64_t)>& compute, BlockNotices& notices,
                    std::vector<BlockEntry>& finished) {
    using Clock = std::chrono::steady_clock;
    if (blocks.empty()) return;
    JournalWriter journal = open_journal();
    auto last_sync = Clock::now();
    for (const std::uint64_t block : blocks) {
        if (dist::stop_requested()) notices.ask_to_stop();
        if (notices.poll()) break;
        try {
            const dist::ActivityScope scope(comm, fmt::format("{} block {}", options.label, block),
                                            dist::ActivityKind::kOwnWork);
            dist::fault_point("blocks.before");
            const std::string bytes = compute(block);
            finished.push_back(journal.append(block, bytes));
        } catch (...) {
            const std::exception_ptr cause = std::current_exception();
            try {
                journal.sync();
            } catch (const Error&) {
                // The cause says more than that saving failed as well; what is not saved is computed again.
            }
            throw dist::to_error(cause).with_context(fmt::format("block {}", block));
        }
        notices.report_progress(finished.size());
        if (std::chrono::duration<double>(Clock::now() - last_sync).count() >= options.sync_seconds) {
            journal.sync();
            last_sync = Clock::now();
        }
    }
    journal.sync();
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
    fs::path folder;
    std::vector<BlockEntry> entries;  // index = block
    mutable std::mutex mutex;
    mutable std::map<PartId, io::MappedFile> open_parts;

    io::MappedFile part(PartId id) const {
        // Many restarts on many ranks leave many parts; only some are kept open.
        constexpr std::size_t kMaxOpen = 64;
        const std::lock_guard lock(mutex);
        if (open_parts.size() > kMaxOpen) open_parts.clear();
        const auto found = open_parts.find(id);
        return found != open_parts.end() ? found->second : open_parts.emplace(id, part_path(folder, id)).first->second;
    }
};

BlockResults::BlockResults(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

std::uint64_t BlockResults::size() const { return impl_->entries.size(); }

std::string BlockResults::read(std::uint64_t block) const {
    NEPENTHE_CHECK(block < size());
    const BlockEntry& entry = impl_->entries[block];
    const io::MappedFile part = impl_->part(entry.part);
    const std::string_view all = part.text();
    const bool whole = entry.offset <= all.size() && entry.bytes <= all.size() - entry.offset;
    std::string bytes(whole ? all.substr(entry.offset, entry.bytes) : std::string_view());
    if (!whole || xxh3(as_bytes(bytes)) != entry.checksum) {
        fail(ErrorKind::kData, "block {} in {} was altered; start the same command again, it is computed anew", block,
             part.path().string());
    }
    return bytes;
}

BlockResults for_each_block(const dist::Comm& comm, const fs::path& folder, std::uint64_t n_blocks,
                            const BlockOptions& options,
                            const std::function<std::string(std::uint64_t block)>& compute) {
    NEPENTHE_CHECK(options.costs.empty() || options.costs.size() == n_blocks);
    const dist::StageScope stage(options.label);
    JournalScan scan = find_finished(comm, folder, n_blocks, options);
    std::vector<BlockEntry>& finished = scan.entries;
    const auto mine = missing_of_rank(comm, n_blocks, options, finished);

    std::vector<BlockEntry> computed;
    std::exception_ptr failure;
    BlockNotices::Verdict verdict;
    {
        Progress progress(options.label, options.unit, n_blocks, comm.is_root(), finished.size());
        BlockNotices notices(comm, progress, finished.size());
        const auto open_journal = [&] {
            const PartId part{scan.last_generation + 1, static_cast<std::uint32_t>(comm.rank())};
            return JournalWriter(folder, part, n_blocks, options.key_digest);
        };
        try {
            compute_blocks(comm, mine, options, open_journal, compute, notices, computed);
            dist::fault_point("blocks.before_agreement");
        } catch (...) {
            failure = std::current_exception();
            notices.ask_to_stop();
        }
        bool arrived = false;
        verdict = notices.agree(computed.size(), failure != nullptr, arrived);
        if (!arrived) std::rethrow_exception(failure);
    }
    if (verdict.failed) dist::agree(comm, options.label, failure);
    if (finished.size() + verdict.done < n_blocks) {
        fail(ErrorKind::kResume,
             "{}: stopped with {} of {} {} done and saved; start the same command again to continue", options.label,
             finished.size() + verdict.done, n_blocks, options.unit);
    }
    auto results = std::make_shared<BlockResults::Impl>();
    results->folder = folder;
    results->entries.resize(n_blocks);
    for (const BlockEntry& entry : gather(comm, computed)) finished.push_back(entry);
    for (const BlockEntry& entry : finished) results->entries[entry.block] = entry;
    return BlockResults(std::move(results));
}

}  // namespace nepenthe::store
