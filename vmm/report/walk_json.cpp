#include "report/walk_json.hpp"

#include "report/fields.hpp"

namespace twofold::vmm {

namespace {

using Json = nlohmann::ordered_json;

char const* dimension_name(Dimension dimension) {
    return dimension == Dimension::guest ? "guest" : "ept";
}

Json reference_json(record::WalkReference const& reference) {
    Json json{{"dimension", dimension_name(reference.dimension)},
              {"level", hexadecimal(reference.level)},
              {"address", hexadecimal(reference.address)},
              {"entry", hexadecimal(reference.entry)}};
    if (reference.gpa) json["gpa"] = hexadecimal(*reference.gpa);
    return json;
}

void add(Json& json, char const* key, std::optional<std::uint64_t> value) {
    if (value) json[key] = hexadecimal(*value);
}

void add(Json& json, char const* key, std::optional<PageSize> size) {
    if (size) json[key] = hexadecimal(size->bytes());
}

Json array_of(std::span<record::Walk const> walks) {
    Json array = Json::array();
    for (auto const& walk : walks)
        array.push_back(walk_json(walk));
    return array;
}

} // namespace

Json walk_json(record::Walk const& walk) {
    Json json{{"gva", hexadecimal(walk.gva)}, {"mode", paging_mode_name(walk.mode)}};
    add(json, "gpa", walk.gpa);
    add(json, "hpa", walk.hpa);
    add(json, "page_size", walk.page_size);
    add(json, "guest_page", walk.guest_page);
    add(json, "host_page", walk.host_page);
    json["references"] = Json::array();
    for (auto const& reference : walk.references)
        json["references"].push_back(reference_json(reference));
    if (walk.fault) {
        json["fault"] = {{"dimension", dimension_name(walk.fault->dimension)},
                         {"level", hexadecimal(walk.fault->level)},
                         {"reason", walk.fault->reason},
                         {"bits", hexadecimal(walk.fault->bits)}};
        add(json["fault"], "gpa", walk.fault->gpa);
    }
    return json;
}

Json walks_document(std::span<record::Walk const> walks, std::span<record::Walk const> native) {
    Json document{{"walks", array_of(walks)}};
    if (!native.empty()) document["native"] = array_of(native);
    return document;
}

} // namespace twofold::vmm
