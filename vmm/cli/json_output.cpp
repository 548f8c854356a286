#include "cli/json_output.hpp"

#include "system/file.hpp"

namespace twofold::vmm {

JsonOutput::JsonOutput(std::string target) : target_(std::move(target)) {
    if (wanted()) require_directory_of("--json", target_);
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
