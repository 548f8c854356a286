#include "cli/option_list.hpp"

#include <algorithm>
#include <string_view>

namespace twofold::vmm {

namespace {

/// Whether `word` is this option, or it and its value. What several short ones in a word mean is
/// not looked at.
bool is_option(std::string_view word, std::string_view name) {
    if (!word.starts_with(name)) return false;
    return word.size() == name.size() || !name.starts_with("--") || word[name.size()] == '=';
}

} // namespace

OptionList::OptionList(CLI::App& command, Words words)
    : command_(command), words_(words),
      // Of the program itself, whose options stand before the command: nobody gives them.
      not_given_(command.get_parent()->add_option("--@")),
      not_found_(command.get_parent()->add_option("--@@")) {}

bool OptionList::is_given(std::string_view names) const {
    if (!words_ || !names.starts_with('-')) return true;
    while (!names.empty()) {
        auto const end = std::min(names.find(','), names.size());
        std::string_view const name = names.substr(0, end);
        if (std::ranges::any_of(*words_, [&](char const* word) { return is_option(word, name); }))
            return true;
        names.remove_prefix(std::min(end + 1, names.size()));
    }
    return false;
}

} // namespace twofold::vmm
