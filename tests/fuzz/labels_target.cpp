#include "base/json.h"
#include "fuzz/target.h"
#include "unlearn/relabel/label_targets.h"
#include "unlearn/relabel/labels.h"
#include "unlearn/relabel/relabel_from.h"
#include "unlearn/relabel/stored_labels.h"

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static fuzz::FolderWithFile folder("labels.h5");
    folder.put(fuzz::as_text(data, size));
    fuzz::accepted(
        [&] {
            const unlearn::LabelRows rows = unlearn::read_labels(folder.path(), "5");
            fuzz::require(rows.ids.size() == rows.labels.size(), "a row of labels for a row of tokens");
            for (std::size_t row = 0; row < rows.ids.size(); ++row)
                fuzz::require(rows.ids[row].size() == rows.labels[row].size(), "a label a token");
        },
        ErrorKind::kUsage);
    fuzz::accepted([&] { unlearn::check_labels_belong(folder.path(), "", ""); });
    fuzz::accepted(
        [&] {
            const unlearn::LabelTargets targets(folder.path(), "5", {});
            for (std::size_t row = 0; row < targets.rows().ids.size(); ++row) {
                const train::Sample sample = targets.sample(row);
                fuzz::require(sample.targets.size() == sample.ids.size(), "a target a token");
            }
        },
        ErrorKind::kUsage);
    fuzz::accepted([&] {
        const unlearn::StoredLabels stored(folder.path());
        for (std::uint64_t block = 0; block < stored.blocks(); ++block) stored.read(block);
        unlearn::derived_attributes(stored, {});
    });
    return 0;
}
