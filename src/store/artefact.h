#pragma once
// A stage turns artefacts into an artefact: a folder with data files and a manifest.json, written under a temporary
// name, flushed, verified, renamed. What is published is complete and never changes.
//
// OUTPUTS/<stage>-<first 12 hex digits of the key's digest>/
//     manifest.json   format, stage, key, inputs, files (name → bytes, SHA-256, and that of its slices where it is
//                     large), digest, version, created, command line
//     …               data files
// OUTPUTS/.work/<name>/ holds the unfinished artefact and its journal until then.

#include "base/json.h"
#include "dist/comm.h"

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace nepenthe::store {

class FolderLock;

// What determines an artefact's content: the stage's effective options and the digests of its inputs.
struct ArtefactKey {
    std::string stage;
    Json options;                               // only what changes the result
    std::map<std::string, std::string> inputs;  // role → digest

    Json to_json() const;
    std::string digest() const;
    std::string folder_name() const;
};

// A published artefact.
struct Artefact {
    std::filesystem::path folder;
    Json manifest;
    bool reused = false;         // it was there already: find_artefact gave it
    std::string digest() const;  // of the content: equal for equal content, whatever the rank count, time or place
};

// Reads and checks a manifest (files present with the recorded size; their digests too when `verify`).
// Throws Error(kData) when the folder is not an artefact or was altered.
Artefact open_artefact(const std::filesystem::path& folder, bool verify = false);

// Collective. The published artefact of this key below `outputs`, if there is one, verified: a name that is believed
// stands for bytes that are there. Rank 0 looks, all get its answer.
std::optional<Artefact> find_artefact(const dist::Comm& comm, const std::filesystem::path& outputs,
                                      const ArtefactKey& key);

// An artefact being made. Holds a lock on its working folder (a second job on the same key is refused with
// Error(kUsage), naming host and pid; the lock of a dead process on this host is taken over).
class ArtefactWriter {
  public:
    // Collective. Creates or reopens the working folder. Throws Error(kUsage) when the artefact is published already.
    ArtefactWriter(const dist::Comm& comm, std::filesystem::path outputs, ArtefactKey key);
    ~ArtefactWriter();
    ArtefactWriter(const ArtefactWriter&) = delete;
    ArtefactWriter& operator=(const ArtefactWriter&) = delete;

    // Where data files go. Kept across a crash, so that a stage can resume from what lies here.
    const std::filesystem::path& data_folder() const { return data_folder_; }
    // Where journals and scratch go; removed on publish.
    const std::filesystem::path& scratch_folder() const { return scratch_folder_; }

    // Collective. Digests every file of data_folder (HDF5 files by the content digest given in `content_digests`,
    // keyed by file name; all others by their bytes), writes the manifest with `summary` in it, flushes, renames,
    // flushes the parent. Either all ranks return or all throw; a failure leaves nothing published.
    Artefact publish(const Json& summary, const std::map<std::string, std::string>& content_digests = {});

  private:
    Json make_manifest(const Json& files, const Json& summary) const;

    dist::Comm comm_;
    std::filesystem::path outputs_, work_folder_, data_folder_, scratch_folder_;
    ArtefactKey key_;
    std::unique_ptr<FolderLock> lock_;  // on rank 0
};

// Stored in manifests and HDF5 attributes; set once by main.
void set_command_line(std::string text);
const std::string& command_line();

}  // namespace nepenthe::store
