#include "train/training_checkpoint.h"

#include "base/fault.h"
#include "base/hash.h"
#include "base/log.h"
#include "dist/guard.h"
#include "io/file.h"
#include "io/output_file.h"

#include <torch/types.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <optional>

namespace nepenthe::train {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStepPrefix = "step-";
constexpr const char* kManifest = "manifest.json";
constexpr std::uint64_t kMostManifestBytes = 512u << 20;

std::string shard_name(int rank, int ranks) { return fmt::format("shard-{:05}-of-{:05}.bin", rank, ranks); }

// Steps with a manifest, newest first.
std::vector<fs::path> finished_steps(const fs::path& folder) {
    std::vector<fs::path> steps;
    if (!fs::exists(folder)) return steps;
    for (const auto& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(kStepPrefix) && name.find('.') == std::string::npos &&
            fs::exists(entry.path() / kManifest)) {
            steps.push_back(entry.path());
        }
    }
    std::sort(steps.rbegin(), steps.rend());
    return steps;
}

// What killed runs left behind.
void remove_unfinished(const fs::path& folder) {
    if (!fs::exists(folder)) return;
    std::vector<fs::path> unfinished;
    for (const auto& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(kStepPrefix) && name.ends_with(".tmp")) unfinished.push_back(entry.path());
    }
    for (const fs::path& path : unfinished) fs::remove_all(path);
}

// Writes this rank's masters and moments one after the other, slice by slice: a shard is as large as the optimizer's
// state, a second copy of it in memory would not fit. Returns the digest of what was to be written.
std::string write_shard(const fs::path& path, const FlatLayout& layout, const ShardedAdamW& optimizer) {
    io::OutputFile file(path, io::OutputFile::Mode::kNew);
    Sha256 digest;
    for (const auto which : ShardedAdamW::kStates) {
        for (std::size_t bucket = 0; bucket < layout.buckets.size(); ++bucket) {
            const at::Tensor slice = optimizer.read(which, bucket).detach().cpu().contiguous();
            const Bytes bytes(static_cast<const std::byte*>(slice.const_data_ptr()), slice.nbytes());
            digest.update(bytes);
            file.write(bytes);
        }
    }
    file.sync();
    file.close();
    return digest.hex();
}

// A run of one parameter's elements in one of the shards on disk.
struct Piece {
    std::int64_t begin = 0, numel = 0;  // within the parameter
    int shard = 0;
    std::int64_t offset = 0;  // elements within the shard
};

// Where every parameter's elements lie on disk, by name.
std::map<std::string, std::vector<Piece>> pieces_of(const FlatLayout& saved) {
    std::map<std::string, std::vector<Piece>> pieces;
    for (int rank = 0; rank < saved.ranks; ++rank) {
        for (std::size_t bucket = 0; bucket < saved.buckets.size(); ++bucket) {
            for (const FlatRange& range : owned_ranges(saved, bucket, rank)) {
                pieces[saved.parameters[range.parameter].name].push_back(
                    {range.parameter_begin, range.numel, rank, range.shard_begin});
            }
        }
    }
    return pieces;
}

class SavedStep {
  public:
    // Throws Error(kData) when anything in it is not as it was written.
    explicit SavedStep(const fs::path& folder)
        : manifest_(TrainingManifest::parse(io::read_file(folder / kManifest, kMostManifestBytes),
                                            (folder / kManifest).string())) {
        const FlatLayout& layout = manifest_.layout;
        const std::uint64_t expected = static_cast<std::uint64_t>(layout.shard_numel()) * 3 * sizeof(float);
        for (int rank = 0; rank < layout.ranks; ++rank) {
            const std::string name = shard_name(rank, layout.ranks);
            shards_.emplace_back(folder / name);
            if (shards_.back().bytes().size() != expected ||
                io::file_digest(folder / name) != manifest_.shards[static_cast<std::size_t>(rank)]) {
                fail(ErrorKind::kData, "{} is not what was written", (folder / name).string());
            }
        }
        pieces_ = pieces_of(layout);
    }

    const TrainingManifest& manifest() const { return manifest_; }

    // Throws Error(kData) unless it holds the parameters of `layout`.
    void require_parameters(const FlatLayout& layout) const {
        std::map<std::string, std::int64_t> saved;
        for (const FlatParameter& parameter : manifest_.layout.parameters) saved[parameter.name] = parameter.numel;
        Problems problems;
        for (const FlatParameter& parameter : layout.parameters) {
            const auto found = saved.find(parameter.name);
            if (found == saved.end() || found->second != parameter.numel)
                problems.add("it does not hold {} of {} elements", parameter.name, parameter.numel);
        }
        problems.throw_if_any(ErrorKind::kData, "another model's checkpoint");
    }

    void restore(const FlatLayout& layout, int rank, ShardedAdamW& optimizer) const {
        for (std::size_t state = 0; state < ShardedAdamW::kStates.size(); ++state) {
            for (std::size_t bucket = 0; bucket < layout.buckets.size(); ++bucket) {
                const ShardedAdamW::State which = ShardedAdamW::kStates[state];
                const at::Tensor now = optimizer.read(which, bucket).detach();
                at::Tensor host = now.cpu().contiguous();
                for (const FlatRange& range : owned_ranges(layout, bucket, rank)) {
                    copy(state, layout.parameters[range.parameter].name, range,
                         host.mutable_data_ptr<float>() + (range.shard_begin - layout.shard_offset(bucket)));
                }
                optimizer.write(which, bucket, host.to(now.device()));
            }
        }
    }

  private:
    // The elements of `range` from whichever shards hold them.
    void copy(std::size_t state, const std::string& name, const FlatRange& range, float* to) const {
        std::int64_t copied = 0;
        for (const Piece& piece : pieces_.at(name)) {
            const std::int64_t begin = std::max(piece.begin, range.parameter_begin);
            const std::int64_t end = std::min(piece.begin + piece.numel, range.parameter_begin + range.numel);
            if (begin >= end) continue;
            const auto element = static_cast<std::int64_t>(state) * manifest_.layout.shard_numel() + piece.offset +
                                 (begin - piece.begin);
            std::memcpy(to + (begin - range.parameter_begin),
                        shards_[static_cast<std::size_t>(piece.shard)].bytes().data() +
                            static_cast<std::size_t>(element) * sizeof(float),
                        static_cast<std::size_t>(end - begin) * sizeof(float));
            copied += end - begin;
        }
        NEPENTHE_CHECK(copied == range.numel);
    }

    TrainingManifest manifest_;
    std::map<std::string, std::vector<Piece>> pieces_;
    std::vector<io::MappedFile> shards_;
};

// "lr: 1e-05 saved, 2e-05 now", one line a difference.
void require_same_key(const Json& saved, const Json& now, const fs::path& folder) {
    Problems problems;
    for (const auto& [name, value] : now.items()) {
        if (!saved.contains(name) || saved[name] != value) {
            problems.add("{}: {} when it was saved, {} now", name, saved.value(name, Json()).dump(), value.dump());
        }
    }
    problems.throw_if_any(ErrorKind::kUsage,
                          folder.string() + " belongs to another run; remove it or restore the options");
}

}  // namespace

std::vector<std::int64_t> checkpoint_steps(const fs::path& folder) {
    std::vector<std::int64_t> steps;
    for (const fs::path& step : finished_steps(folder)) {
        const std::string name = step.filename().string();
        std::int64_t number = 0;
        const char* const end = name.data() + name.size();
        if (std::from_chars(name.data() + kStepPrefix.size(), end, number).ptr == end) steps.push_back(number);
    }
    return steps;
}

void save_checkpoint(const dist::Comm& comm, const fs::path& folder, const FlatLayout& layout,
                     const ShardedAdamW& optimizer, const TrainingState& state) {
    const std::string name = fmt::format("{}{:08}", kStepPrefix, state.reports.back().step);
    const fs::path partial = folder / (name + ".tmp");
    dist::run_agreed(comm, "checkpoint", [&] {
        if (!comm.is_root()) return;
        remove_unfinished(folder);
        fs::create_directories(partial);
        fault_point("checkpoint.folder");
    });
    const std::string mine = shard_name(comm.rank(), comm.size());
    std::string digest;
    dist::run_agreed(comm, "checkpoint", [&] {
        digest = write_shard(partial / mine, layout, optimizer);
        fault_point("checkpoint.shard");
    });
    const auto digests = comm.all_gather(digest);
    dist::run_agreed(comm, "checkpoint", [&] {
        if (!comm.is_root()) return;
        const TrainingManifest manifest{layout, state.key, state.objective, state.reports, state.changed_weights,
                                        digests};
        io::write_file_atomically(partial / kManifest, manifest.to_text());
        fault_point("checkpoint.before_rename");
        // A leftover of the same step can only be one that was found damaged. Its manifest goes first, so that no half
        // of it passes for a checkpoint.
        fs::remove(folder / name / kManifest);
        fs::remove_all(folder / name);
        fs::rename(partial, folder / name);
        fault_point("checkpoint.after_rename");
        io::sync_path(folder);
        const auto steps = finished_steps(folder);
        for (std::size_t i = 2; i < steps.size(); ++i) {
            // The published name goes first, so that no half-removed checkpoint bears one.
            const fs::path doomed = steps[i].string() + ".tmp";
            fs::rename(steps[i], doomed);
            fault_point("checkpoint.doomed");
            fs::remove_all(doomed);
        }
    });
}

bool load_newest_checkpoint(const dist::Comm& comm, const fs::path& folder, const FlatLayout& layout,
                            ShardedAdamW& optimizer, TrainingState& state) {
    // Rank 0 decides which one it is: ranks that look for themselves may see different folders.
    std::string chosen;
    dist::run_agreed(comm, "finding a checkpoint", [&] {
        if (!comm.is_root()) return;
        for (const fs::path& step : finished_steps(folder)) {
            try {
                SavedStep(step).require_parameters(layout);
                chosen = step.string();
                break;
            } catch (const Error& error) {
                if (error.kind() == ErrorKind::kDoesNotFit) throw;  // says nothing against the checkpoint
                log_warning("{}: passed over ({})", step.string(), error.what());
            }
        }
    });
    comm.broadcast(chosen);
    if (chosen.empty()) return false;
    dist::run_agreed(comm, "reading a checkpoint", [&] {
        const SavedStep saved{fs::path(chosen)};
        require_same_key(saved.manifest().key, state.key, chosen);
        saved.restore(layout, comm.rank(), optimizer);
        state.reports = saved.manifest().reports;
        state.objective = saved.manifest().objective;
        state.changed_weights = saved.manifest().changed_weights;
    });
    optimizer.spread_masters();
    return true;
}

}  // namespace nepenthe::train
