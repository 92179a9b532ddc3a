// Owns how calls are made with oapi-sdk-go.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"time"

	lark "github.com/larksuite/oapi-sdk-go/v3"
	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	apaas "github.com/larksuite/oapi-sdk-go/v3/service/apaas/v1"
	approval "github.com/larksuite/oapi-sdk-go/v3/service/approval/v4"
	auth "github.com/larksuite/oapi-sdk-go/v3/service/auth/v3"
)

type option = larkcore.RequestOptionFunc

var ctx = context.Background()

// direct reaches the server under test without a proxy, which would change what is measured.
var direct = &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}

var clients = map[string]*lark.Client{}

func client(asked call) *lark.Client {
	key := asked.App.ID + " " + asked.App.Secret
	if clients[key] == nil {
		clients[key] = lark.NewClient(asked.App.ID, asked.App.Secret, lark.WithOpenBaseUrl(os.Getenv("COUNTERSIGN_URL")),
			lark.WithHttpClient(direct), lark.WithLogger(silence{}))
	}
	return clients[key]
}

// calls has each call by the name that the story has for it.
var calls = map[string]func(*lark.Client, call, ...option) object{
	"tenant_access_token.internal": func(by *lark.Client, asked call, options ...option) object {
		request := auth.NewInternalTenantAccessTokenReqBuilder().Body(said[auth.InternalTenantAccessTokenReqBody](asked))
		resp, err := by.Auth.V3.TenantAccessToken.Internal(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, resp.Data)
	},
	"app_access_token.internal": func(by *lark.Client, asked call, options ...option) object {
		request := auth.NewInternalAppAccessTokenReqBuilder().Body(said[auth.InternalAppAccessTokenReqBody](asked))
		resp, err := by.Auth.V3.AppAccessToken.Internal(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, resp.Data)
	},
	"external_approval.create": func(by *lark.Client, asked call, options ...option) object {
		request := approval.NewCreateExternalApprovalReqBuilder().ExternalApproval(said[approval.ExternalApproval](asked))
		if kind, given := query(asked)["user_id_type"]; given {
			request.UserIdType(kind)
		}
		resp, err := by.Approval.V4.ExternalApproval.Create(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, resp.Data)
	},
	"external_approval.get": func(by *lark.Client, asked call, options ...option) object {
		request := approval.NewGetExternalApprovalReqBuilder().ApprovalCode(asked.Path["approval_code"])
		if kind, given := query(asked)["user_id_type"]; given {
			request.UserIdType(kind)
		}
		resp, err := by.Approval.V4.ExternalApproval.Get(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, resp.Data)
	},
	"external_instance.create": func(by *lark.Client, asked call, options ...option) object {
		request := approval.NewCreateExternalInstanceReqBuilder().ExternalInstance(said[approval.ExternalInstance](asked))
		resp, err := by.Approval.V4.ExternalInstance.Create(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, resp.Data)
	},
	"external_instance.check": func(by *lark.Client, asked call, options ...option) object {
		request := approval.NewCheckExternalInstanceReqBuilder().Body(said[approval.CheckExternalInstanceReqBody](asked))
		resp, err := by.Approval.V4.ExternalInstance.Check(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, resp.Data)
	},
	"external_task.list": func(by *lark.Client, asked call, options ...option) object {
		resp, err := by.Approval.V4.ExternalTask.List(ctx, externalTasks(asked), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, resp.Data)
	},
	"user_task.query": func(by *lark.Client, asked call, options ...option) object {
		request := apaas.NewQueryUserTaskReqBuilder().Body(said[apaas.QueryUserTaskReqBody](asked))
		resp, err := by.Apaas.V1.UserTask.Query(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, resp.Data)
	},
	"task.query": func(by *lark.Client, asked call, options ...option) object {
		request := approval.NewQueryTaskReqBuilder().UserId(query(asked)["user_id"]).Topic(query(asked)["topic"])
		request.UserIdType(query(asked)["user_id_type"])
		paged(asked, request.PageSize, request.PageToken)
		resp, err := by.Approval.V4.Task.Query(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, resp.Data)
	},
	"task.search": func(by *lark.Client, asked call, options ...option) object {
		request := approval.NewSearchTaskReqBuilder().TaskSearch(said[approval.TaskSearch](asked))
		request.UserIdType(query(asked)["user_id_type"])
		paged(asked, request.PageSize, request.PageToken)
		resp, err := by.Approval.V4.Task.Search(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, resp.Data)
	},
	"instance.query": func(by *lark.Client, asked call, options ...option) object {
		request := approval.NewQueryInstanceReqBuilder().InstanceSearch(said[approval.InstanceSearch](asked))
		request.UserIdType(query(asked)["user_id_type"])
		paged(asked, request.PageSize, request.PageToken)
		resp, err := by.Approval.V4.Instance.Query(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, resp.Data)
	},
	"instance.search_cc": func(by *lark.Client, asked call, options ...option) object {
		request := approval.NewSearchCcInstanceReqBuilder().CcSearch(said[approval.CcSearch](asked))
		request.UserIdType(query(asked)["user_id_type"])
		paged(asked, request.PageSize, request.PageToken)
		resp, err := by.Approval.V4.Instance.SearchCc(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, resp.Data)
	},
	"instance.get": func(by *lark.Client, asked call, options ...option) object {
		request := approval.NewGetInstanceReqBuilder().InstanceId(asked.Path["instance_id"])
		resp, err := by.Approval.V4.Instance.Get(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, resp.Data)
	},
	"instance.list": func(by *lark.Client, asked call, options ...option) object {
		request := approval.NewListInstanceReqBuilder().ApprovalCode(query(asked)["approval_code"]).
			StartTime(query(asked)["start_time"]).EndTime(query(asked)["end_time"])
		paged(asked, request.PageSize, request.PageToken)
		resp, err := by.Approval.V4.Instance.List(ctx, request.Build(), options...)
		if err != nil {
			return failed(err)
		}
		return answer(resp.ApiResp, resp.CodeError, resp.Data)
	},
}

// paged hands the members of a page to a builder, as far as they are given.
func paged[Builder any](asked call, size func(int) Builder, token func(string) Builder) {
	if given, there := query(asked)["page_size"]; there {
		number, err := strconv.Atoi(given)
		must(err)
		size(number)
	}
	if given, there := query(asked)["page_token"]; there {
		token(given)
	}
}

func externalTasks(asked call) *approval.ListExternalTaskReq {
	request := approval.NewListExternalTaskReqBuilder()
	// Without a body the SDK sends `null`.
	if body := said[approval.ListExternalTaskReqBody](asked); body != nil {
		request.Body(body)
	}
	if size, given := query(asked)["page_size"]; given {
		number, err := strconv.Atoi(size)
		must(err)
		request.PageSize(number)
	}
	if token, given := query(asked)["page_token"]; given {
		request.PageToken(token)
	}
	return request.Build()
}

// pages tells what the SDK's own iterator yields, put together again to pages. It fetches the next
// page when the first row of it is asked for.
func pages(asked call) {
	size, err := strconv.Atoi(query(asked)["page_size"])
	must(err)
	iterator, err := client(asked).Approval.V4.ExternalTask.ListByIterator(ctx, externalTasks(asked))
	must(err)
	page := []*approval.ExternalTaskList{}
	for {
		more, row, err := iterator.Next()
		if err != nil {
			tell(failed(err))
			return
		}
		if more {
			page = append(page, row)
		}
		if len(page) == size || !more && len(page) > 0 {
			tell(object{"page": page})
			hear(&object{})
			page = nil
		}
		if !more {
			tell(object{"end": true})
			return
		}
	}
}

// raw is the SDK's way to call what it has no method for.
func raw(asked call) object {
	request := &larkcore.ApiReq{HttpMethod: asked.Method, ApiPath: asked.URL, QueryParams: larkcore.QueryParams{}}
	var pairs [][2]string
	must(json.Unmarshal(asked.Query, &pairs))
	for _, pair := range pairs {
		request.QueryParams.Add(pair[0], pair[1])
	}
	if given(asked.Body) {
		request.Body = asked.Body
	}
	headers := http.Header{}
	for name, value := range asked.Headers {
		headers.Set(name, value)
	}
	request.SupportedAccessTokenTypes = []larkcore.AccessTokenType{larkcore.AccessTokenTypeNone}
	if asked.Signed {
		request.SupportedAccessTokenTypes = []larkcore.AccessTokenType{larkcore.AccessTokenTypeTenant}
	}
	resp, err := client(asked).Do(ctx, request, larkcore.WithHeaders(headers))
	if err != nil {
		return failed(err)
	}
	var code larkcore.CodeError
	if err := resp.JSONUnmarshalBody(&code, &larkcore.Config{Serializable: &larkcore.DefaultSerialization{}}); err != nil {
		return object{"http": resp.StatusCode, "text": string(resp.RawBody)}
	}
	said := answer(resp, code, nil)
	delete(said, "data")
	return said
}

func answered(asked call) (line object) {
	// What a model cannot say is told to the story.
	defer func() {
		if fault := recover(); fault != nil {
			line = object{"failed": fmt.Sprint(fault)}
		}
	}()
	if asked.Call == "raw" {
		return raw(asked)
	}
	var options []option
	if asked.Token != "" {
		options = append(options, larkcore.WithTenantAccessToken(asked.Token))
	}
	return calls[asked.Call](client(asked), asked, options...)
}

// said is the body in the SDK's model, which must not lose a part of it.
func said[Model any](asked call) *Model {
	if !given(asked.Body) {
		return nil
	}
	var before, after any
	model := new(Model)
	must(json.Unmarshal(asked.Body, model))
	must(json.Unmarshal(asked.Body, &before))
	text, err := json.Marshal(model)
	must(err)
	must(json.Unmarshal(text, &after))
	if !reflect.DeepEqual(before, after) {
		panic(fmt.Sprintf("%T cannot say %s", model, asked.Body))
	}
	return model
}

func given(body json.RawMessage) bool {
	return len(body) > 0 && string(body) != "null"
}

func query(asked call) map[string]string {
	said, texts := map[string]any{}, map[string]string{}
	if given(asked.Query) {
		must(json.Unmarshal(asked.Query, &said))
	}
	for name, value := range said {
		texts[name] = fmt.Sprint(value)
	}
	return texts
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func answer(resp *larkcore.ApiResp, code larkcore.CodeError, data any) object {
	return object{
		"http":         resp.StatusCode,
		"code":         code.Code,
		"msg":          code.Msg,
		"log_id":       resp.RequestId(),
		"content_type": resp.Header.Get("Content-Type"),
		"error":        code.Err,
		"data":         data,
		"text":         string(resp.RawBody),
	}
}

// failed is for errors of the SDK; only a token that it cannot fetch has a code.
func failed(err error) object {
	var value larkcore.CodeError
	var pointer *larkcore.CodeError
	switch {
	case errors.As(err, &value):
		return object{"raised": object{"code": value.Code}}
	case errors.As(err, &pointer):
		return object{"raised": object{"code": pointer.Code}}
	}
	return object{"failed": err.Error()}
}

// silence is a logger: standard output is for answers.
type silence struct{ io.Writer }

func (silence) Debug(context.Context, ...interface{}) {}
func (silence) Info(context.Context, ...interface{})  {}
func (silence) Warn(context.Context, ...interface{})  {}
func (silence) Error(context.Context, ...interface{}) {}
