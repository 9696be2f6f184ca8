#include "store/artefact.h"

#include "base/error.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/json_text.h"
#include "base/log.h"
#include "dist/guard.h"
#include "io/atomic_write.h"
#include "io/file.h"
#include "io/slices.h"
#include "io/writable.h"
#include "store/blocks.h"
#include "store/file_digests.h"
#include "store/lock.h"
#include "store/manifest.h"
#include "store/published_files.h"
#include "store/timestamp.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace nepenthe::store {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kMaxManifestBytes = 256u << 20;

std::string& stored_command_line() {
    static std::string text;
    return text;
}

void make_folder(const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (!error && !fs::is_directory(folder, error) && !error) error = std::make_error_code(std::errc::not_a_directory);
    if (error) io::fail_errno("create folder", folder, error.value());
}

fs::path work_folder_of(const fs::path& outputs, const ArtefactKey& key) {
    return outputs / ".work" / key.folder_name();
}

// A kill between publishing and tidying leaves the working folder behind. It is removed unless its job still lives.
void sweep_leftover(const fs::path& work_folder) {
    std::error_code ignored;
    if (!fs::exists(work_folder, ignored)) {
        fs::remove(work_folder.parent_path(), ignored);  // only when it is empty
        return;
    }
    try {
        const FolderLock lock(work_folder);
        fs::remove_all(work_folder, ignored);
        fs::remove(work_folder.parent_path(), ignored);  // only when no other job works below it
    } catch (const Error&) {
        // Its own job removes it, or the folder is read-only; neither hinders reading what is published.
    }
}

void sync_folders(const fs::path& root) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
        if (entry.is_directory()) io::sync_path(entry.path());
    }
    io::sync_path(root);
}

// Collective. Adds to files of several slices what stands for them: all ranks can check that together, a SHA-256 of the
// whole file only one.
void add_slice_digests(const dist::Comm& comm, const fs::path& folder, Json& files) {
    std::vector<std::string> names;
    std::vector<fs::path> large;
    for (const auto& [name, file] : files.items()) {
        if (io::slice_count(file["bytes"].get<std::uint64_t>()) == 1) continue;
        names.push_back(name);
        large.push_back(folder / name);
    }
    const std::vector<FileDigest> digests = digest_files(comm, large);
    for (std::size_t i = 0; i < names.size(); ++i) files[names[i]]["slices"] = digests[i].digest;
}

// Collective. {name: {bytes, sha256, slices?, content?}}; files are dealt to ranks by size, each is synced by its
// reader.
Json describe_files(const dist::Comm& comm, const fs::path& folder,
                    const std::map<std::string, std::string>& content_digests) {
    std::string listing;
    dist::run_agreed(comm, "publish", [&] {
        if (!comm.is_root()) return;
        Json names = Json::array();
        for (const DataFile& file : list_data_files(folder)) names.push_back({file.name, file.bytes});
        for (const auto& [name, digest] : content_digests) {
            if (!fs::is_regular_file(folder / name))
                fail(ErrorKind::kInternal, "a content digest was given for {}, which is missing", name);
        }
        listing = canonical_json(names);
    });
    comm.broadcast(listing);
    const Json names = parse_json(listing, "the list of files");
    std::vector<double> costs;
    for (const Json& name : names) costs.push_back(name[1].get<double>() + 1.0);
    const std::vector<int> owners = deal_blocks(costs, comm.size());

    Json mine = Json::object();
    dist::run_agreed(comm, "publish", [&] {
        for (std::size_t i = 0; i < owners.size(); ++i) {
            if (owners[i] != comm.rank()) continue;
            const auto name = names[i][0].get<std::string>();
            io::sync_path(folder / name);
            Json file = {{"bytes", names[i][1]}, {"sha256", io::file_digest(folder / name)}};
            if (const auto given = content_digests.find(name); given != content_digests.end())
                file["content"] = given->second;
            mine[name] = std::move(file);
        }
    });
    Json files = Json::object();
    for (const std::string& part : comm.all_gather(canonical_json(mine)))
        files.update(parse_json(part, "a rank's digests"));
    add_slice_digests(comm, folder, files);
    return files;
}

}  // namespace

Json ArtefactKey::to_json() const { return {{"stage", stage}, {"options", options}, {"inputs", inputs}}; }
std::string ArtefactKey::digest() const { return sha256_hex(canonical_json(to_json())); }
std::string ArtefactKey::folder_name() const { return fmt::format("{}-{}", stage, digest().substr(0, 12)); }

std::string Artefact::digest() const { return manifest.at("digest").get<std::string>(); }

Artefact open_artefact(const fs::path& folder, bool verify) {
    const fs::path path = folder / kManifestName;
    std::error_code unreadable;
    if (!fs::is_regular_file(path, unreadable)) {
        fail(ErrorKind::kData, "{} is not an artefact: it has no {}", folder.string(), kManifestName);
    }
    Artefact artefact{folder, parse_json(io::read_file(path, kMaxManifestBytes), path.string())};
    check_manifest(artefact.manifest, path);
    Problems problems;
    for (const auto& [name, file] : artefact.manifest["files"].items()) {
        const fs::path data = folder / name;
        if (fs::symlink_status(data, unreadable).type() != fs::file_type::regular) {
            problems.add("{} is missing", name);
        } else if (fs::file_size(data) != file["bytes"].get<std::uint64_t>()) {
            problems.add("{} has {} bytes instead of {}", name, fs::file_size(data),
                         file["bytes"].get<std::uint64_t>());
        } else if (verify && io::file_digest(data) != file["sha256"].get<std::string>()) {
            problems.add("{} was altered: its SHA-256 does not fit", name);
        }
    }
    problems.throw_if_any(ErrorKind::kData, folder.string());
    return artefact;
}

std::optional<Artefact> find_artefact(const dist::Comm& comm, const fs::path& outputs, const ArtefactKey& key) {
    const fs::path folder = outputs / key.folder_name();
    bool there = false;
    dist::run_agreed(comm, "look for " + key.folder_name(), [&] {
        std::error_code unreadable;
        if (!comm.is_root()) return;
        there = fs::exists(folder, unreadable);
        if (there) return;
        // Before hours of work whose result could not be kept.
        io::require_writable(outputs);
        io::require_writable(work_folder_of(outputs, key));
    });
    there = comm.all_reduce_or(there);
    log_debug("{} {}; its key: {}", folder.string(), there ? "exists" : "is to be made",
              canonical_json({{"options", key.options}, {"inputs", key.inputs}}));
    if (!there) return std::nullopt;
    Artefact found = verified_artefact(comm, folder);
    dist::run_agreed(comm, "look for " + key.folder_name(), [&] {
        if (found.manifest.value("key_digest", "") != key.digest()) {
            fail(ErrorKind::kUsage, "{} holds another stage's result; choose another output folder", folder.string());
        }
        if (comm.is_root()) sweep_leftover(work_folder_of(outputs, key));
    });
    found.reused = true;
    return found;
}

ArtefactWriter::ArtefactWriter(const dist::Comm& comm, fs::path outputs, ArtefactKey key)
    : comm_(comm),
      outputs_(std::move(outputs)),
      work_folder_(work_folder_of(outputs_, key)),
      data_folder_(work_folder_ / "data"),
      scratch_folder_(work_folder_ / "scratch"),
      key_(std::move(key)) {
    dist::run_agreed(comm_, key_.stage, [&] {
        if (!comm_.is_root()) return;
        const fs::path published = outputs_ / key_.folder_name();
        const auto refuse_published = [&] {
            std::error_code unreadable;
            if (!fs::exists(published, unreadable)) return;
            fail(ErrorKind::kUsage, "{} exists already; what is published never changes", published.string());
        };
        refuse_published();
        io::require_writable(outputs_);
        io::require_writable(work_folder_);
        make_folder(work_folder_);
        lock_ = std::make_unique<FolderLock>(work_folder_);
        fault_point("work.locked");
        refuse_published();  // another job may have published it before the lock was ours
        make_folder(data_folder_);
        make_folder(scratch_folder_);
        // What a kill left half-written must not be published with the rest, and a manifest that got no further vouches
        // for files that are written anew now.
        io::remove_temporary_files(data_folder_);
        fs::remove(data_folder_ / kManifestName);
    });
    dist::run_agreed(comm_, key_.stage, [&] {
        if (!fs::is_directory(data_folder_)) {
            fail(ErrorKind::kInputOutput,
                 "{} is not visible here; the output folder must lie on a file system that all nodes share",
                 data_folder_.string());
        }
    });
}

ArtefactWriter::~ArtefactWriter() = default;

Json ArtefactWriter::make_manifest(const Json& files, const Json& summary) const {
    Json manifest = {{"format", kManifestFormat},
                     {"format_version", kManifestVersion},
                     {"stage", key_.stage},
                     {"key", key_.to_json()},
                     {"key_digest", key_.digest()},
                     {"inputs", key_.inputs},
                     {"files", files},
                     {"digest", content_digest(files)},
                     {"summary", summary},
                     {"version", NEPENTHE_VERSION},
                     {"created", timestamp()},
                     {"command_line", command_line()},
                     {"ranks", comm_.size()}};
    seal(manifest);
    return manifest;
}

Artefact ArtefactWriter::publish(const Json& summary, const std::map<std::string, std::string>& content_digests) {
    const dist::StageScope stage("publish");
    const fs::path published = outputs_ / key_.folder_name();
    const Json files = describe_files(comm_, data_folder_, content_digests);
    std::string manifest;
    dist::run_agreed(comm_, "publish", [&] {
        fault_point("publish.before_manifest");
        if (comm_.is_root()) {
            manifest = make_manifest(files, with_finite_numbers(summary)).dump(2) + "\n";
            io::write_file_atomically(data_folder_ / kManifestName, manifest);
            sync_folders(data_folder_);
        }
        fault_point("publish.before_rename");
    });
    // From here on nobody but rank 0 can fail: nothing appears before all ranks have agreed.
    dist::run_agreed(comm_, "publish", [&] {
        if (!comm_.is_root()) return;
        if (fs::exists(published))
            fail(ErrorKind::kUsage, "{} appeared meanwhile and is left as it is", published.string());
        if (::rename(data_folder_.c_str(), published.c_str()) != 0) io::fail_errno("publish", published, errno);
        fault_point("publish.after_rename");
        io::sync_path(outputs_);
        fault_point("publish.before_tidy");
        std::error_code ignored;
        fs::remove_all(scratch_folder_, ignored);
        lock_.reset();
        fs::remove(work_folder_, ignored);
        fs::remove(work_folder_.parent_path(), ignored);  // only when no other job works below it
    });
    comm_.broadcast(manifest);
    return {published, parse_json(manifest, "the manifest from rank 0")};
}

void set_command_line(std::string text) { stored_command_line() = std::move(text); }
const std::string& command_line() { return stored_command_line(); }

}  // namespace nepenthe::store
