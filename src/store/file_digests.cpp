#include "store/file_digests.h"

#include "base/json.h"
#include "dist/guard.h"
#include "io/slices.h"
#include "store/blocks.h"

#include <algorithm>

namespace nepenthe::store {

namespace {

struct Slice {
    std::size_t file;
    std::uint64_t number;
};

}  // namespace

FileDigest digest_file(const std::filesystem::path& file) {
    const std::uint64_t bytes = std::filesystem::file_size(file);
    std::vector<std::string> slices;
    for (std::uint64_t number = 0; number < io::slice_count(bytes); ++number)
        slices.push_back(io::slice_digest(file, number, bytes));
    return {bytes, io::digest_of_slices(slices)};
}

std::vector<FileDigest> digest_files(const dist::Comm& comm, const std::vector<std::filesystem::path>& files) {
    std::string sizes;
    dist::run_agreed(comm, "digest files", [&] {
        Json listed = Json::array();
        for (const auto& file : files) listed.push_back(std::filesystem::file_size(file));
        sizes = canonical_json(listed);
    });
    comm.broadcast(sizes);  // one view of a file that grows meanwhile
    const auto bytes = parse_json(sizes, "sizes of files").get<std::vector<std::uint64_t>>();
    std::vector<Slice> slices;
    std::vector<double> costs;
    for (std::size_t file = 0; file < files.size(); ++file) {
        for (std::uint64_t number = 0; number < io::slice_count(bytes[file]); ++number) {
            slices.push_back({file, number});
            const std::uint64_t rest = bytes[file] - number * io::kSliceBytes;
            costs.push_back(static_cast<double>(std::min(rest, io::kSliceBytes)) + 1.0);
        }
    }
    const std::vector<int> owners = deal_blocks(costs, comm.size());
    std::string mine;
    dist::run_agreed(comm, "digest files", [&] {
        for (std::size_t i = 0; i < slices.size(); ++i) {
            if (owners[i] != comm.rank()) continue;
            mine += io::slice_digest(files[slices[i].file], slices[i].number, bytes[slices[i].file]);
        }
    });
    const std::vector<std::string> gathered = comm.all_gather(mine);
    constexpr std::size_t kHexDigits = 64;
    std::vector<std::size_t> taken(gathered.size(), 0);
    std::vector<std::vector<std::string>> of_file(files.size());
    for (std::size_t i = 0; i < slices.size(); ++i) {
        const auto owner = static_cast<std::size_t>(owners[i]);
        of_file[slices[i].file].push_back(gathered[owner].substr(taken[owner], kHexDigits));
        taken[owner] += kHexDigits;
    }
    std::vector<FileDigest> digests;
    for (std::size_t file = 0; file < files.size(); ++file) {
        digests.push_back({bytes[file], io::digest_of_slices(of_file[file])});
    }
    return digests;
}

}  // namespace nepenthe::store
