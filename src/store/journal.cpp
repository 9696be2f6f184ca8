#include "store/journal.h"

#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "io/file.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

namespace nepenthe::store {

namespace fs = std::filesystem;

namespace {

static_assert(std::endian::native == std::endian::little, "journals are written as they lie in memory");

struct Header {
    char magic[8] = {'N', 'E', 'P', 'J', 'R', 'N', 'L', '1'};
    std::uint64_t n_blocks = 0;
    PartId part;
    char key_digest[64] = {};  // SHA-256 of the key digest, hexadecimal
    std::uint64_t checksum = 0;
};

struct Record {
    std::uint64_t block = 0;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    std::uint64_t payload_checksum = 0;
    std::uint64_t checksum = 0;
};

// XXH3 of everything before the last field.
template <typename T>
std::uint64_t own_checksum(const T& value) {
    return xxh3(std::as_bytes(std::span(&value, 1)).first(offsetof(T, checksum)));
}

template <typename T>
std::string_view as_text(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

// The value at `offset`, or false where the file ends before or its checksum does not fit.
template <typename T>
bool read_at(std::string_view text, std::size_t offset, T& value) {
    if (text.size() < offset + sizeof value) return false;
    std::memcpy(&value, text.data() + offset, sizeof value);
    return value.checksum == own_checksum(value);
}

Header make_header(PartId part, std::uint64_t n_blocks, std::string_view key_digest) {
    Header header;
    header.n_blocks = n_blocks;
    header.part = part;
    const std::string digest = sha256_hex(std::string(key_digest));
    std::memcpy(header.key_digest, digest.data(), sizeof header.key_digest);
    header.checksum = own_checksum(header);
    return header;
}

void read_journal(const fs::path& path, const Header& expected, std::map<std::uint64_t, BlockEntry>& found) {
    const std::string text = io::read_file(path);
    Header header;
    // A rank that died while it created its journal leaves a torn header and no block.
    if (!read_at(text, 0, header)) return;
    if (as_text(header) != as_text(expected)) {
        fail(ErrorKind::kUsage,
             "{} belongs to other work (other options, inputs or number of blocks: {} there, {} now); choose another "
             "output "
             "folder, or remove {} to start anew",
             path.string(), header.n_blocks, expected.n_blocks, path.parent_path().string());
    }
    std::size_t at = sizeof header;
    Record record;
    for (; read_at(text, at, record); at += sizeof record) {
        found[record.block] = {record.block, header.part, record.offset, record.bytes, record.payload_checksum};
    }
    if (at != text.size())
        log_warning("{}: {} bytes after the last whole record are ignored", path.string(), text.size() - at);
}

// With "journal-%9u-%9u.log%n", "journal-000002-000001.log" → {2, 1}; nothing where the name is of another form.
std::optional<PartId> parse_name(const std::string& name, const char* form) {
    unsigned generation = 0, rank = 0;
    int used = 0;
    const bool matches = std::sscanf(name.c_str(), form, &generation, &rank, &used) == 2;
    if (!matches || static_cast<std::size_t>(used) != name.size()) return std::nullopt;
    return PartId{generation, rank};
}

io::OutputFile open_journal(const fs::path& folder, PartId part) {
    fault_point("journal.part");
    return {journal_path(folder, part), io::OutputFile::Mode::kNew};
}

}  // namespace

fs::path part_path(const fs::path& folder, PartId part) {
    return folder / fmt::format("part-{:06}-{:06}.bin", part.generation, part.rank);
}

fs::path journal_path(const fs::path& folder, PartId part) {
    return folder / fmt::format("journal-{:06}-{:06}.log", part.generation, part.rank);
}

JournalScan scan_journals(const fs::path& folder, std::uint64_t n_blocks, std::string_view key_digest) {
    JournalScan scan;
    std::vector<PartId> journals;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        const auto journal = parse_name(name, "journal-%9u-%9u.log%n");
        const auto part = journal ? journal : parse_name(name, "part-%9u-%9u.bin%n");
        // A kill may come between making a part and its journal: that generation's names are taken all the same.
        if (part) scan.last_generation = std::max(scan.last_generation, part->generation);
        if (journal) journals.push_back(*journal);
    }
    std::sort(journals.begin(), journals.end());
    std::map<std::uint64_t, BlockEntry> found;
    for (const PartId part : journals) {
        read_journal(journal_path(folder, part), make_header(part, n_blocks, key_digest), found);
    }
    for (const auto& [block, entry] : found) {
        if (block < n_blocks) scan.entries.push_back(entry);
    }
    return scan;
}

std::optional<io::MappedFile> PartFiles::open(PartId id) const {
    // Many restarts on many ranks leave many parts; only some are kept open.
    constexpr std::size_t kMaxOpen = 64;
    const std::lock_guard lock(mutex_);
    if (const auto found = open_.find(id); found != open_.end()) return found->second;
    const fs::path path = part_path(folder_, id);
    std::error_code unreadable;
    if (!fs::is_regular_file(path, unreadable)) return std::nullopt;
    if (open_.size() >= kMaxOpen) open_.clear();
    return open_.emplace(id, path).first->second;
}

namespace {

// The block's bytes within its part, or nothing.
std::optional<Bytes> intact_bytes(const io::MappedFile& part, const BlockEntry& entry) {
    const Bytes all = part.bytes();
    if (entry.offset > all.size() || entry.bytes > all.size() - entry.offset) return std::nullopt;
    const Bytes bytes = all.subspan(entry.offset, entry.bytes);
    if (xxh3(bytes) != entry.checksum) return std::nullopt;
    return bytes;
}

}  // namespace

std::optional<std::string> PartFiles::read(const BlockEntry& entry) const {
    const auto part = open(entry.part);
    const auto bytes = part ? intact_bytes(*part, entry) : std::nullopt;
    if (!bytes) return std::nullopt;
    return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

bool PartFiles::is_intact(const BlockEntry& entry) const {
    const auto part = open(entry.part);
    return part && intact_bytes(*part, entry).has_value();
}

JournalWriter::JournalWriter(const fs::path& folder, PartId part, std::uint64_t n_blocks, std::string_view key_digest)
    : part_(part), data_(part_path(folder, part), io::OutputFile::Mode::kNew), journal_(open_journal(folder, part)) {
    fault_point("journal.made");
    journal_.write(as_text(make_header(part, n_blocks, key_digest)));
    fault_point("journal.header");
    io::sync_path(folder);
}

BlockEntry JournalWriter::append(std::uint64_t block, std::string_view bytes) {
    data_.write(bytes);
    fault_point("blocks.after_data");
    Record record{block, offset_, bytes.size(), xxh3(as_bytes(bytes)), 0};
    record.checksum = own_checksum(record);
    journal_.write(as_text(record));
    fault_point("blocks.after_journal");
    offset_ += bytes.size();
    return {block, part_, record.offset, record.bytes, record.payload_checksum};
}

void JournalWriter::sync() {
    data_.sync();
    journal_.sync();
}

}  // namespace nepenthe::store
