// KVM that is missing, forbidden, foreign or old: each is said with its reason and what would be
// right.
#include "kvm/device.hpp"
#include "kvm/explain.hpp"
#include "kvm/host.hpp"
#include "system/file_descriptor.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/failure_text.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>

namespace unusable_kvm_test {

using namespace twofold::test;
namespace kvm = twofold::vmm::kvm;

namespace {

CommandResult with_device(std::string const& device, std::vector<std::string> words) {
    words.insert(words.begin(), TWOFOLD_COMMAND);
    return run_command({.words = std::move(words), .environment = {{"TWOFOLD_KVM", device}}});
}

/// A root directory as a host of that kind has it.
kvm::Paging paging_of(std::string const& flags, std::string const& module_file,
                      std::string const& value) {
    TemporaryDirectory const root;
    std::filesystem::create_directories(root.file("proc"));
    root.write("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu " + flags + " nx\n");
    auto const file = root.file("sys/module/" + module_file);
    std::filesystem::create_directories(file.parent_path());
    root.write("sys/module/" + module_file, value);
    return kvm::examine_host(root.path()).paging;
}

} // namespace

TEST_CASE("without the device the run fails before anything starts, and says what would do") {
    auto const result = with_device("/nowhere/kvm", {"run", "hello", "--engine", "kvm"});
    CHECK(result.status == 1);
    CHECK(result.out.empty());
    CHECK(holds(result.err, {"/nowhere/kvm", "No such file", "modprobe", "--engine bochs"}));
    CHECK(holds(with_device("/nowhere/kvm", {"doctor"}).out, {"kvm", "/nowhere/kvm", "modprobe"}));
}

TEST_CASE("a file that is not KVM's device is told apart") {
    auto const result = with_device("/dev/null", {"run", "hello", "--engine", "kvm"});
    CHECK(result.status == 1);
    CHECK(holds(result.err, {"/dev/null is not KVM's device", "KVM_GET_API_VERSION"}));
}

TEST_CASE("a device without a module behind it is told apart, and the module is named") {
    TemporaryDirectory const directory;
    // What the kernel answers for such a device, it answers for a socket.
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    auto const path = directory.file("kvm").string();
    REQUIRE(path.copy(address.sun_path, sizeof address.sun_path - 1) == path.size());
    twofold::vmm::FileDescriptor const socket_file{socket(AF_UNIX, SOCK_STREAM, 0)};
    REQUIRE(bind(socket_file.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    auto const result = with_device(path, {"run", "hello", "--engine", "kvm"});
    CHECK(result.status == 1);
    CHECK(holds(result.err, {"no module of KVM stands behind it", "modprobe kvm_intel"}));
}

TEST_CASE("each way in which the device does not open has its remedy") {
    CHECK(holds(kvm::explain_open("/dev/kvm", EACCES), {"Permission denied", "usermod -aG kvm"}));
    CHECK(holds(kvm::explain_open("/dev/kvm", ENOENT), {"modprobe kvm_intel", "firmware"}));
    CHECK(holds(kvm::explain_open("/dev/kvm", ENODEV), {"no module of KVM stands behind it"}));
    CHECK(holds(kvm::explain_open("/dev/kvm", EMFILE), {"Too many open files"}));
}

TEST_CASE("a call that fails is named, with the system's words and a remedy") {
    CHECK(
        holds(kvm::explain_call("KVM_CREATE_VM", EBUSY), {"KVM_CREATE_VM", "another hypervisor"}));
    CHECK(holds(kvm::explain_call("KVM_CREATE_VCPU", EINVAL), {"more processors"}));
    CHECK(holds(kvm::explain_call("KVM_SET_USER_MEMORY_REGION", EEXIST), {"must not overlap"}));
    CHECK(holds(failure_of([] { return TWOFOLD_KVM_CALL(-1, KVM_CREATE_VM, 0UL); }),
                {"KVM_CREATE_VM", "Bad file descriptor"}));
}

TEST_CASE("a kernel that lacks a needed capability is found out, and only that one is named") {
    CHECK(kvm::missing_capabilities([](unsigned) { return 1; }).empty());
    auto const missing = kvm::missing_capabilities(
        [](unsigned number) { return number == KVM_CAP_IMMEDIATE_EXIT ? 0 : 1; });
    REQUIRE(missing.size() == 1);
    CHECK(missing[0].name == "KVM_CAP_IMMEDIATE_EXIT");
    CHECK_FALSE(missing[0].meaning.empty());
    CHECK(kvm::missing_capabilities([](unsigned) { return -1; }).size() >= 5);
}

TEST_CASE("what a kernel is too old for is said with what does not work without it") {
    auto const without = [](unsigned lacking) {
        return [lacking](unsigned number) { return number == lacking ? 0 : 1; };
    };
    CHECK(holds(
        failure_of([&] { return kvm::require_capabilities(without(KVM_CAP_VCPU_EVENTS)), 0; }),
        {"too old", "KVM_CAP_VCPU_EVENTS", "cannot be kept", "--engine bochs"}));
    CHECK(
        holds(failure_of([&] { return kvm::require_pc_capabilities(without(KVM_CAP_PIT2), 1), 0; }),
              {"KVM_CAP_PIT2", "no timer", "--devices bare"}));
    CHECK(holds(failure_of([&] { return kvm::require_pc_capabilities(without(9999), 2), 0; }),
                {"--cpus", "at most 1 processors"}));
    CHECK(failure_of([&] { return kvm::require_pc_capabilities(without(9999), 1), 0; }).empty());
}

TEST_CASE("the kind of host is known by its processor and its modules") {
    CHECK(paging_of("vmx", "kvm_intel/parameters/ept", "Y\n") == kvm::Paging::ept);
    CHECK(paging_of("vmx", "kvm_intel/parameters/ept", "N\n") == kvm::Paging::shadow_on_intel);
    CHECK(paging_of("svm", "kvm_amd/parameters/npt", "1\n") == kvm::Paging::npt);
    CHECK(paging_of("svm", "kvm_amd/parameters/npt", "0\n") == kvm::Paging::shadow_on_amd);
    CHECK(paging_of("vmxnet svmx", "kvm/parameters/halt_poll_ns", "1") == kvm::Paging::software);
    CHECK(paging_of("vmx", "kvm_pvm/parameters/any", "1") == kvm::Paging::software);
    CHECK_FALSE(kvm::examine_host("/nowhere").meaning.empty());
}

} // namespace unusable_kvm_test
