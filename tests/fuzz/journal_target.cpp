#include "base/hash.h"
#include "base/log.h"
#include "fuzz/target.h"
#include "io/file.h"
#include "store/journal.h"
#include "temporary_folder.h"

#include <algorithm>
#include <cstring>
#include <fstream>

using namespace nepenthe;

namespace {

constexpr std::uint64_t kBlocks = 8;
constexpr std::size_t kRecordBytes = 40;  // block, offset, bytes, checksum of the payload, own checksum

// A folder with a part of one block and its journal, as a killed run leaves them.
class JournalFolder {
  public:
    JournalFolder() {
        init_log(0, 1, LogLevel::kError);  // every torn tail is worth a warning, but not here
        const store::PartId part{1, 0};
        store::JournalWriter(path(), part, kBlocks, "key").append(3, "the bytes of block 3");
        journal_ = store::journal_path(path(), part);
        whole_ = io::read_file(journal_);
    }

    // The journal's header followed by `records`. Written over what is there: a file that is truncated first is flushed
    // by some file systems when it is closed.
    void put(std::string_view records) const {
        const std::size_t header = whole_.size() - kRecordBytes;
        std::fstream file(journal_, std::ios::binary | std::ios::in | std::ios::out);
        file.write(whole_.data(), static_cast<std::streamsize>(header));
        file.write(records.data(), static_cast<std::streamsize>(records.size()));
        file.close();
        fuzz::require(file.good(), "a journal to write");
        std::filesystem::resize_file(journal_, header + records.size());
    }
    const std::filesystem::path& path() const { return folder_.path(); }

  private:
    testing::TemporaryFolder folder_;
    std::filesystem::path journal_;
    std::string whole_;
};

// Gives every whole record a checksum that fits, so that what it claims is believed.
std::string sealed(std::string_view records) {
    std::string text(records);
    for (std::size_t at = 0; at + kRecordBytes <= text.size(); at += kRecordBytes) {
        const std::size_t claim = kRecordBytes - sizeof(std::uint64_t);
        const std::uint64_t checksum = xxh3(as_bytes(std::string_view(text).substr(at, claim)));
        std::memcpy(text.data() + at + claim, &checksum, sizeof checksum);
    }
    return text;
}

}  // namespace

// The first byte says whether the records that follow get checksums that fit.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const JournalFolder folder;
    if (size == 0) return 0;
    const std::string_view records = fuzz::as_text(data + 1, size - 1);
    const bool seal = data[0] % 2 == 1;
    folder.put(seal ? sealed(records) : std::string(records));

    const store::JournalScan scan = store::scan_journals(folder.path(), kBlocks, "key");
    fuzz::require(scan.last_generation == 1, "the generation is that of the file's name");
    fuzz::require(scan.entries.size() <= std::min<std::size_t>(kBlocks, records.size() / kRecordBytes),
                  "no block without a record");
    for (std::size_t i = 0; i < scan.entries.size(); ++i) {
        fuzz::require(scan.entries[i].block < kBlocks, "a block of this work");
        fuzz::require(i == 0 || scan.entries[i - 1].block < scan.entries[i].block, "each block once, in order");
        const store::PartFiles parts(folder.path());
        fuzz::require(parts.is_intact(scan.entries[i]) == parts.read(scan.entries[i]).has_value(),
                      "what is intact can be read");
    }
    return 0;
}
