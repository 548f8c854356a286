// Walks as a JSON document that stays stable.
#pragma once

#include "report/record.hpp"

#include <nlohmann/json.hpp>

#include <span>

namespace twofold::vmm {

/// One walk: {gva, gpa, hpa, page_size, guest_page, host_page, references:[{dimension, level,
/// address, entry, gpa}], mode, fault?:{dimension, level, reason, bits, gpa?}}, all numbers as
/// "0x..." text, level 1 being the PTE.
nlohmann::ordered_json walk_json(record::Walk const& walk);

/// {"walks": [...], "native": [...]}: the latter only where there are native walks.
nlohmann::ordered_json walks_document(std::span<record::Walk const> walks,
                                      std::span<record::Walk const> native);

} // namespace twofold::vmm
