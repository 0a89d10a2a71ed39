// Evaluates ValidatingAdmissionPolicies with the code of the API server, but without one.
//
// The first line of the input is {"version": "1.31", "policy": …}: the oldest Kubernetes that must compile the policy,
// and the policy. Each further line is a request, {"object": …, "oldObject": …, "costs": true}. The answer to the first
// is {"errors": […]}, and to a request {"denied": [MESSAGE], "failed": [ERROR], "cost": N, "microseconds": N}: its cost
// as CEL counts it, only if asked, and its CPU time.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

type setup struct {
	Version string
	Policy  admissionregistration.ValidatingAdmissionPolicy
}

type request struct {
	Object    map[string]any
	OldObject map[string]any
	Costs     bool
}

type answer struct {
	Denied       []string `json:"denied"`
	Failed       []string `json:"failed"`
	Cost         int64    `json:"cost"`
	Microseconds int64    `json:"microseconds"`
}

// compiled is a policy as validating.compilePolicy compiles it.
type compiled struct {
	validator  validating.Validator
	conditions cel.ConditionEvaluator
	messages   cel.ConditionEvaluator
	errors     []string
}

func compile(policy *admissionregistration.ValidatingAdmissionPolicy, oldest string) (*compiled, error) {
	// An API server compiles new policies for the version before its own: its expressions survive a downgrade.
	server := version.MustParseGeneric(oldest)
	base := environment.MustBaseEnvSet(server.SubtractMinor(1), true)
	composition, err := cel.NewCompositionEnv(cel.VariablesTypeName, base)
	if err != nil {
		return nil, err
	}
	declared := cel.OptionalVariableDeclarations{HasAuthorizer: true, StrictCost: true}
	inMessages := cel.OptionalVariableDeclarations{StrictCost: true}
	const mode = environment.NewExpressions
	compiler := cel.NewCompositedCompilerFromTemplate(composition)
	result := &compiled{}
	check := func(place string, failed *cel.CompilationResult) {
		if failed.Error != nil {
			result.errors = append(result.errors, fmt.Sprintf("%s: %v", place, failed.Error))
		}
	}
	for _, each := range policy.Spec.Variables {
		one := compiler.CompileAndStoreVariable(&validating.Variable{Name: each.Name, Expression: each.Expression}, declared, mode)
		check("variables["+each.Name+"]", &one)
	}
	var matches, conditions, messages []cel.ExpressionAccessor
	for index := range policy.Spec.MatchConditions {
		matches = append(matches, (*matchconditions.MatchCondition)(&policy.Spec.MatchConditions[index]))
	}
	for index, each := range policy.Spec.Validations {
		condition := &validating.ValidationCondition{Expression: each.Expression, Message: each.Message, Reason: each.Reason}
		conditions = append(conditions, condition)
		one := compiler.CompileCELExpression(condition, declared, mode)
		check(fmt.Sprintf("validations[%d].expression", index), &one)
		if each.MessageExpression == "" {
			messages = append(messages, nil)
			continue
		}
		message := &validating.MessageExpressionCondition{MessageExpression: each.MessageExpression}
		messages = append(messages, message)
		one = compiler.CompileCELExpression(message, inMessages, mode)
		check(fmt.Sprintf("validations[%d].messageExpression", index), &one)
	}
	for index, each := range matches {
		one := compiler.CompileCELExpression(each, declared, mode)
		check(fmt.Sprintf("matchConditions[%d]", index), &one)
	}
	result.conditions = compiler.CompileCondition(conditions, declared, mode)
	result.messages = compiler.CompileCondition(messages, inMessages, mode)
	var matcher matchconditions.Matcher
	if len(matches) > 0 {
		condition := compiler.CompileCondition(matches, declared, mode)
		matcher = matchconditions.NewMatcher(condition, policy.Spec.FailurePolicy, "policy", "validate", policy.Name)
	}
	none := compiler.CompileCondition(nil, declared, mode)
	result.validator = validating.NewValidator(result.conditions, matcher, none, result.messages, policy.Spec.FailurePolicy)
	return result, nil
}

func (policy *compiled) answer(asked *request) (*answer, error) {
	attributes, resource := attributesOf(asked)
	budget := int64(celconfig.RuntimeCELCostBudget)
	found := &answer{Denied: []string{}, Failed: []string{}}
	start := cpuTime()
	result := policy.validator.Validate(context.Background(), resource, attributes, nil, nil, budget, nil)
	found.Microseconds = cpuTime() - start
	for _, decision := range result.Decisions {
		switch decision.Evaluation {
		case validating.EvalDeny:
			found.Denied = append(found.Denied, decision.Message)
		case validating.EvalError:
			found.Failed = append(found.Failed, decision.Message)
		}
	}
	if !asked.Costs {
		return found, nil
	}
	asAdmitted := cel.CreateAdmissionRequest(attributes.Attributes, meta.GroupVersionResource(resource), meta.GroupVersionKind(attributes.VersionedKind))
	left := budget
	for _, each := range []cel.ConditionEvaluator{policy.conditions, policy.messages} {
		var err error
		if _, left, err = each.ForInput(context.Background(), attributes, asAdmitted, cel.OptionalVariableBindings{}, nil, left); err != nil {
			return nil, err
		}
	}
	found.Cost = budget - left
	return found, nil
}

// cpuTime returns the microseconds of CPU time of this process, which do not depend on the load of the machine.
func cpuTime() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return (syscall.TimevalToNsec(usage.Utime) + syscall.TimevalToNsec(usage.Stime)) / 1000
}

func attributesOf(asked *request) (*admission.VersionedAttributes, schema.GroupVersionResource) {
	object := &unstructured.Unstructured{Object: asked.Object}
	kind := object.GroupVersionKind()
	resource := kind.GroupVersion().WithResource(strings.ToLower(kind.Kind) + "s")
	attributes := &admission.VersionedAttributes{VersionedKind: kind, VersionedObject: object}
	operation := admission.Create
	var before runtime.Object
	if asked.OldObject != nil {
		operation = admission.Update
		before = &unstructured.Unstructured{Object: asked.OldObject}
		attributes.VersionedOldObject = before
	}
	attributes.Attributes = admission.NewAttributesRecord(
		object, before, kind, object.GetNamespace(), object.GetName(), resource, "", operation, nil, false, nil)
	return attributes, resource
}

func serve(lines *bufio.Scanner) error {
	write := json.NewEncoder(os.Stdout)
	var policy *compiled
	for lines.Scan() {
		if policy == nil {
			var given setup
			if err := json.Unmarshal(lines.Bytes(), &given); err != nil {
				return err
			}
			var err error
			if policy, err = compile(&given.Policy, given.Version); err != nil {
				return err
			}
			if err := write.Encode(map[string][]string{"errors": policy.errors}); err != nil {
				return err
			}
			continue
		}
		var asked request
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			return err
		}
		found, err := policy.answer(&asked)
		if err != nil {
			return err
		}
		if err := write.Encode(found); err != nil {
			return err
		}
	}
	return lines.Err()
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	if err := serve(lines); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
