#include "pipelines/fact_words.h"

#include "edit/facts/fact_names.h"

namespace nepenthe::pipelines {

void FactWords::declare(Options& table, edit::FactOptions& options) {
    table.add("fact-format", format, edit::fact_format_names(), "form of the facts' file");
    table.add("zsre-convention", zsre, edit::zsre_convention_names(),
              "zsRE's new target: the true answer, or the alternative");
    table.add("target", target, edit::unlearning_target_names(), "new targets of TOFU's questions");
    table.add("fact-prompt", options.prompt_form,
              "what every prompt of a fact is put into; {} is the prompt, chat: a chat");
    table.add("skip-bad", options.skip_bad, "leave facts out that cannot be read or used");
    table.add_alias("format", "fact-format");
    table.add_alias("zsre", "zsre-convention");
}

void FactWords::finish(edit::FactOptions& options) const {
    options.format = edit::parse_fact_format(format);
    options.zsre = edit::parse_zsre_convention(zsre);
    options.unlearning = edit::parse_unlearning_target(target);
}

}  // namespace nepenthe::pipelines
