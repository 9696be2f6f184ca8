#include "dist/guard.h"
#include "io/file.h"
#include "pipelines/edit_report.h"
#include "pipelines/verb.h"

namespace nepenthe::pipelines {

Answer run_report(const dist::Comm& comm, const Arguments& arguments) {
    std::vector<std::filesystem::path> edits;
    std::filesystem::path page = "report.html";
    Options options("report", "one HTML page of what runs reached, side by side",
                    "nepenthe report --edits outputs/edit-…,outputs/edit-… --page edits.html");
    options.add("edits", edits, "artefacts of edit, or their ledgers");
    options.add("page", page, "the file to write");
    options.require("edits");
    options.parse(arguments);
    dist::run_agreed(comm, "report", [&] {
        if (!comm.is_root()) return;
        std::vector<edit::Ledger> runs;
        for (const std::filesystem::path& path : edits) runs.push_back(edit::read_ledger(path));
        io::write_file_atomically(page, edit_report(runs));
    });
    Answer answer;
    answer.json = {{"page", page.string()}, {"runs", edits.size()}};
    answer.text = page.string();
    return answer;
}

}  // namespace nepenthe::pipelines
