#include "dist/guard.h"
#include "pipelines/verb.h"
#include "store/artefact.h"

namespace nepenthe::pipelines {

Answer run_verify(const dist::Comm& comm, const Arguments& arguments) {
    std::filesystem::path folder;
    Options options("verify", "every file of a published artefact against the digests in its manifest",
                    "nepenthe verify outputs/relabel-0123456789ab");
    options.add("artefact", folder, "folder with a manifest.json");
    options.set_positional("artefact");
    options.require("artefact");
    options.parse(arguments);

    std::string digest;
    dist::run_agreed(comm, "verify", [&] {
        if (comm.is_root()) digest = store::open_artefact(folder, /*verify=*/true).digest();
    });
    Answer answer;
    answer.json = {{"artefact", folder.string()}, {"digest", digest}, {"intact", true}};
    answer.text = fmt::format("{} is intact, digest {}\n", folder.string(), digest);
    return answer;
}

}  // namespace nepenthe::pipelines
