#pragma once
// Finished blocks on disk: a part file holds their bytes one after the other, the journal beside it one checksummed
// record of fixed size for each. A rank starts a new pair in every run (numbered by generation), so nothing that an
// earlier run wrote is ever touched; what is done is the union of all valid records. A torn or damaged record ends its
// journal.

#include "io/file.h"
#include "io/output_file.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::store {

struct PartId {
    std::uint32_t generation = 0;
    std::uint32_t rank = 0;
    auto operator<=>(const PartId&) const = default;
};

std::filesystem::path part_path(const std::filesystem::path& folder, PartId part);
std::filesystem::path journal_path(const std::filesystem::path& folder, PartId part);

// Where a finished block's bytes lie. Travels between ranks as it is.
struct BlockEntry {
    std::uint64_t block = 0;
    PartId part;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    std::uint64_t checksum = 0;  // XXH3 of the bytes
};

// What the journals of a folder say.
struct JournalScan {
    std::uint32_t last_generation = 0;  // of any journal or part, also of those that a kill left without the other
    std::vector<BlockEntry> entries;    // sorted by block, each once
};

// Reads every journal of `folder`. Throws Error(kUsage) when one belongs to other work (another key or number of
// blocks). Does not look into the parts.
JournalScan scan_journals(const std::filesystem::path& folder, std::uint64_t n_blocks, std::string_view key_digest);

// The parts of a folder, opened as they are asked for. Safe to use from several threads.
class PartFiles {
  public:
    explicit PartFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}

    // The block's bytes, or nothing when the part is missing, too short, or does not fit the checksum.
    std::optional<std::string> read(const BlockEntry& entry) const;
    bool is_intact(const BlockEntry& entry) const;

  private:
    // Empty when the part is missing.
    std::optional<io::MappedFile> open(PartId id) const;

    std::filesystem::path folder_;
    mutable std::mutex mutex_;
    mutable std::map<PartId, io::MappedFile> open_;
};

class JournalWriter {
  public:
    JournalWriter(const std::filesystem::path& folder, PartId part, std::uint64_t n_blocks,
                  std::string_view key_digest);

    // Writes the bytes, then their record. Survives the death of the process at once, a power cut after sync().
    BlockEntry append(std::uint64_t block, std::string_view bytes);
    void sync();

  private:
    PartId part_;
    std::uint64_t offset_ = 0;
    io::OutputFile data_, journal_;
};

}  // namespace nepenthe::store
