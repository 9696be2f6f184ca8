#pragma once
// Options of verbs as files hold them (recipes, policies): JSON values, "${name}" for variables, and the words of a
// command line that they stand for.

#include "base/error.h"
#include "base/json.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

// Calls `change` for every string inside `value`.
void for_each_string(Json& value, const std::function<void(std::string&)>& change);

// Values of a file's variables, {"NAME": {"help", "default"}}, from what the user gave (--set) and the defaults. `what`
// is the file's kind in messages: "the recipe".
std::map<std::string, std::string> resolve_variables(const Json& declared,
                                                     const std::map<std::string, std::string>& given,
                                                     const std::string& what, Problems& problems);
// Replaces "${name}" in every string of `value`; reports names that no variable has.
void substitute_variables(Json& value, const std::map<std::string, std::string>& variables, Problems& problems);

// Values must be text, a number, true, false or a list of texts and numbers; what is the whole run's to say (--outputs,
// --json …) is refused. `where` and `verb` in messages: "stage \"a\"", "run".
void check_written_options(const Json& options, const std::string& where, const std::string& verb, Problems& problems);
// "--name=value" of each, a list's entries quoted. `text` changes a string before it becomes a word.
std::vector<std::string> option_words(const Json& options,
                                      const std::function<std::string(const std::string&)>& text = {});

}  // namespace nepenthe::pipelines
