// Each kind of memory that a guest can have under KVM, and what is said where there is none.
#include "kvm/guest_ram.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/guest_run.hpp"
#include "tests/support/without_kvm.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace host_memory_test {

using namespace twofold;
using namespace twofold::test;
namespace kvm = twofold::vmm::kvm;

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

std::uint64_t number_in(std::string const& file) {
    std::uint64_t number = 0;
    std::ifstream{file} >> number;
    return number;
}

/// Huge pages of 2M in the kernel's reserve, as many as it can find; what there was at the end.
class Reserve {
  public:
    explicit Reserve(std::uint64_t pages) { std::ofstream{file} << before_ + pages << std::flush; }
    ~Reserve() { std::ofstream{file} << before_ << std::flush; }
    Reserve(Reserve const&) = delete;
    Reserve& operator=(Reserve const&) = delete;
    [[nodiscard]] static std::uint64_t free() { return number_in(directory + "free_hugepages"); }

  private:
    static inline std::string const directory = "/sys/kernel/mm/hugepages/hugepages-2048kB/";
    static inline std::string const file = directory + "nr_hugepages";
    std::uint64_t before_ = number_in(file);
};

nlohmann::json hello_in(std::vector<std::string> options) {
    options.insert(options.begin(), {"hello", "--engine", "kvm", "--memory", "16M"});
    return run_guests(options);
}

} // namespace

TEST_CASE("a guest runs the same in each kind of memory, and its report names the page") {
    if (without_kvm()) return;
    auto const plain = hello_in({"--host-memory", "anonymous"});
    auto const file = hello_in({"--host-memory", "memfd"});
    auto const huge = hello_in({"--host-memory", "thp", "--host-page", "2m"});
    CHECK(plain["exit_status"] == 0);
    CHECK(file["console"] == plain["console"]);
    CHECK(file["guests"][0]["start"]["host_page"] == "0x1000");
    CHECK(huge["exit_status"] == 0);
    CHECK(huge["guests"][0]["start"]["host_page"] == "0x200000");
}

TEST_CASE("huge pages of the kernel's reserve hold a guest, where it has any") {
    if (without_kvm()) return;
    Reserve const reserve{8};
    if (Reserve::free() < 8)
        return (void)skipped_for("the kernel did not find 8 huge pages of 2M for its reserve");
    auto const run = hello_in({"--host-memory", "hugetlbfs", "--host-page", "2m"});
    INFO(run.dump());
    CHECK(run["exit_status"] == 0);
    CHECK(run["guests"][0]["start"]["host_page"] == "0x200000");
}

TEST_CASE("a reserve that is too small is an error that says how to make it larger") {
    if (without_kvm()) return;
    auto const result =
        run_command({{TWOFOLD_COMMAND, "run", "hello", "--engine", "kvm", "--memory", "4T",
                      "--host-page", "2m", "--host-memory", "hugetlbfs"}});
    CHECK(result.status == 1);
    CHECK(holds(result.err, {"can't map pages of 2M", "2097152 of them in reserve",
                             "hugepages-2048kB/nr_hugepages", "--host-page"}));
}

TEST_CASE("kinds and sizes that do not go together are refused") {
    auto const refused = [](std::vector<std::string> options) {
        options.insert(options.begin(), {TWOFOLD_COMMAND, "run", "hello"});
        auto const result = run_command({options});
        CHECK(result.status == 2);
        return result.err;
    };
    CHECK(holds(refused({"--host-memory", "memfd"}), {"--host-memory", "--engine kvm"}));
    CHECK(holds(refused({"--engine", "kvm", "--host-memory", "paper"}), {"'paper'", "hugetlbfs"}));
    if (without_kvm()) return;
    CHECK(holds(refused({"--engine", "kvm", "--host-memory", "memfd", "--host-page", "2m"}),
                {"pages of 4k"}));
    CHECK(holds(refused({"--engine", "kvm", "--host-memory", "thp"}), {"--host-page 2m"}));
    CHECK(holds(refused({"--engine", "kvm", "--host-memory", "hugetlbfs"}),
                {"--host-page 2m or 1g"}));
}

TEST_CASE("a file in memory is given back by pages, and reads as zeros then") {
    auto ram = kvm::GuestRam::zeroed(4 * mebibyte, page_4k, kvm::HostMemory::memfd);
    ram.bytes()[0x5000] = std::byte{1};
    ram.bytes()[0x6000] = std::byte{2};
    CHECK(ram.release(Gpa{0x5000}, 1) == 1);
    CHECK(ram.bytes()[0x5000] == std::byte{0});
    CHECK(ram.bytes()[0x6000] == std::byte{2});
    CHECK_FALSE(ram.release(Gpa{4 * mebibyte}, 1).has_value());
    ram.discard();
    CHECK(ram.bytes()[0x6000] == std::byte{0});
}

TEST_CASE("a view of a file gives pages back as zeros, and is the file again when discarded") {
    vmm::FileDescriptor const file{memfd_create("test", MFD_CLOEXEC)};
    REQUIRE(ftruncate(file.get(), static_cast<off_t>(mebibyte)) == 0);
    kvm::GuestRam::shared(file, mebibyte).bytes()[0x3000] = std::byte{9};
    auto ram = kvm::GuestRam::copy_of(file, mebibyte);
    CHECK(ram.release(Gpa{0x3000}, 1) == 1);
    CHECK(ram.bytes()[0x3000] == std::byte{0});
    ram.bytes()[0x4000] = std::byte{5};
    ram.discard();
    CHECK(ram.bytes()[0x3000] == std::byte{9});
    CHECK(ram.bytes()[0x4000] == std::byte{0});
    auto plain = kvm::GuestRam::zeroed(mebibyte, page_4k);
    plain.become_copy_of(file);
    CHECK(plain.bytes()[0x3000] == std::byte{9});
}

} // namespace host_memory_test
