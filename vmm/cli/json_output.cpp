#include "cli/json_output.hpp"

#include "system/failure.hpp"
#include "system/file.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace twofold::vmm {

JsonOutput::JsonOutput(std::string target) : target_(std::move(target)) {
    auto const directory = std::filesystem::path{target_}.parent_path();
    if (wanted() && !directory.empty() && !std::filesystem::is_directory(directory)) {
        throw Failure{fmt::format("--json: can't write {}: there is no directory {}", target_,
                                  directory.string())};
    }
}

void JsonOutput::write(nlohmann::ordered_json const& document, Output& standard_output) const {
    // A raw console may hold bytes that are not UTF-8; JSON can't.
    using nlohmann::ordered_json;
    std::string const text =
        document.dump(2, ' ', false, ordered_json::error_handler_t::replace) + '\n';
    if (is_standard_output()) {
        standard_output.write(text);
    } else {
        write_file(target_, text);
    }
}

} // namespace twofold::vmm
